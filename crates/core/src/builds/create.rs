//! The request: may they, is it valid, record it, start it.

use prt_types::{
    audit::Outcome,
    builds::{
        BuildOptions, BuildRequest, BuildStatus, BuildView, CredentialUse, CredentialView, RegistryCredential as Login,
        RerunRequest,
    },
    ids::BuildId,
    workers::WorkerStatus,
};
use serde_json::json;

use super::{
    logins,
    offer::join,
    probe::probe,
    run::Start,
    secrets::{self, Sealed},
    validate::{Inputs, validate},
    view::view,
};
use crate::{
    Orchestrator,
    clock::new_id,
    error::{Error, Result},
    op_context::{Actor, OpContext},
    registry::scope::place,
    registry_credentials::is_own,
    store::{Build, RegistryCredential, Repository, StoreError, Worker},
};

impl Orchestrator {
    /// Starts a build in a builder worker. The inputs are checked first: fields, worker, Dockerfile, logins and the right to push.
    pub async fn build_create(&self, cx: &OpContext, request: BuildRequest) -> Result<BuildView> {
        let object = format!("{}:{}", request.name, request.tag);
        let result = self.build_create_checked(cx, request, None).await;
        self.audit_refusal(cx, "build.create", &object, result).await
    }

    /// Starts a build with the inputs of an earlier one; the build folder is taken as it is now.
    pub async fn build_rerun(&self, cx: &OpContext, number: i64, request: RerunRequest) -> Result<BuildView> {
        let earlier = self.build_visible(cx, number).await?;
        let mut given: Vec<(String, Option<CredentialUse>)> = request
            .registry_credentials
            .iter()
            .map(|given| (given.host.to_ascii_lowercase(), given.only))
            .collect();
        let mut stored = request.registry_secrets;
        for (_, login) in self.build_secrets(cx.any_actor()?, &stored).await? {
            given.push((login.host, login.only));
        }
        // A login for everything at a registry is in the place of all that the build used there.
        let replaced = |login: &CredentialView| {
            let whole = (place(&login.host).0.to_owned(), None);
            given.contains(&(login.host.clone(), login.only)) || given.contains(&whole)
        };
        let mut missing = vec![];
        for login in earlier.credentials.iter().filter(|login| !replaced(login)) {
            match &login.secret_name {
                // It may have changed since, or be out of the asker's reach; then its name is refused below.
                Some(name) => stored.push(logins::written(name, &login.host, login.only)),
                None => missing.push(logins::purpose(&login.host, login.only)),
            }
        }
        if !missing.is_empty() {
            let hosts = missing.join(", ");
            let message =
                format!("Build #{number} used a login for {hosts}. Logins are not kept after a build; give it again.");
            return Err(Error::field("registry_credentials", message));
        }
        let secrets = secrets::again(number, &earlier.options.secrets, request.secrets)?;
        let again = BuildRequest {
            worker: format!("Worker-{}", earlier.worker_number),
            name: earlier.name,
            tag: earlier.tag,
            push_image: earlier.push_image,
            build_args: earlier.build_args,
            registry_credentials: request.registry_credentials,
            registry_secrets: stored,
            insecure_registry: earlier.insecure_registry,
            no_cache: request.no_cache,
            context_id: earlier.context_id,
            context: earlier.context,
            dockerfile: earlier.dockerfile,
            dockerfile_text: earlier.options.dockerfile_given.then_some(earlier.dockerfile_text),
            additional_tags: earlier.options.additional_tags,
            target: earlier.options.target,
            platforms: earlier.options.platforms,
            labels: earlier.options.labels,
            pull: earlier.options.pull,
            secrets,
            network: earlier.options.network,
            add_hosts: earlier.options.add_hosts,
            shm_size: earlier.options.shm_size,
            ulimits: earlier.options.ulimits,
            cache_from: earlier.options.cache_from,
            cache_to: earlier.options.cache_to,
            oci_mediatypes: earlier.options.oci_mediatypes,
            additional_build_params: earlier.additional_build_params,
            custom_build_command: earlier.custom_build_command,
        };
        let result = self.build_create_checked(cx, again, Some(number)).await;
        self.audit_refusal(cx, "build.rerun", &format!("#{number}"), result)
            .await
    }

    async fn build_create_checked(
        &self,
        cx: &OpContext,
        mut request: BuildRequest,
        rerun_of: Option<i64>,
    ) -> Result<BuildView> {
        let actor = cx.any_actor()?.clone();
        let worker_name = request.worker.clone();
        let mut kept = vec![];
        for (credential, login) in self.build_secrets(&actor, &request.registry_secrets).await? {
            kept.push((credential, login.host.clone(), login.only));
            request.registry_credentials.push(login);
        }
        let mounts = request.secrets.clone();
        let inputs = validate(request)?;
        let mounts = self.build_mounts(&mut *self.read().await?, &actor, mounts).await?;
        let mut frontends = self.frontends_in_arguments(&inputs)?;
        let credentials = kept.iter().filter(|(credential, ..)| !is_own(&actor, credential));
        let secrets = mounts.stored.iter().filter(|given| given.is_shared());
        let shared: Vec<String> = credentials
            .map(|(credential, ..)| credential.name.clone())
            .chain(secrets.map(|given| given.name.clone()))
            .collect();
        let worker = {
            let mut tx = self.read().await?;
            let worker = self.worker_visible_to_builds(&mut *tx, cx, &worker_name).await?;
            builds_in(&worker)?;
            if let Some(active) = tx.build_active(worker.id).await? {
                return Err(busy(&worker, active.number));
            }
            not_changing(&mut *tx, &worker).await?;
            self.shared_authorize(&mut *tx, &actor, &worker, &shared, &frontends)
                .await?;
            worker
        };
        let id = BuildId(new_id());
        let registries = self.registry_client().await?;
        // Both take their time and neither needs the other.
        let dockerfile = async {
            if let Some(text) = &inputs.dockerfile_text {
                return Ok((text.clone(), None));
            }
            let (text, offer) = self.build_offer(&worker, &inputs, id).await?;
            Ok::<_, Error>((text, Some(offer)))
        };
        let ((dockerfile_text, offer), notes) = futures::try_join!(dockerfile, probe(&registries, &inputs))?;
        frontends.extend(self.frontend_in_dockerfile(&dockerfile_text)?);

        let sealed = Sealed {
            logins: inputs.credentials.clone(),
            secrets: mounts.files,
        };
        let sealed = self.build_seal(id, &sealed)?;
        let mut tx = self.write().await?;
        // The worker may have ended, and another build begun, since the first look.
        let worker = tx
            .worker(worker.id)
            .await?
            .ok_or_else(|| Error::not_found("worker", &worker_name))?;
        builds_in(&worker)?;
        not_changing(&mut *tx, &worker).await?;
        self.shared_authorize(&mut *tx, &actor, &worker, &shared, &frontends)
            .await?;
        let build = Build {
            id,
            number: tx.build_next_number().await?,
            worker_id: worker.id,
            worker_number: worker.number,
            owner_id: actor.user_id,
            owner: actor.username.clone(),
            door: cx.door,
            credentials: credential_views(&inputs, &kept),
            name: inputs.name,
            tag: inputs.tag,
            push_image: inputs.push_image,
            build_args: inputs.build_args,
            credentials_sealed: sealed,
            insecure_registry: inputs.insecure_registry,
            no_cache: inputs.no_cache,
            context_id: inputs.context_id,
            context: inputs.context,
            dockerfile: inputs.dockerfile,
            options: BuildOptions {
                secrets: mounts.views,
                ..inputs.typed
            },
            additional_build_params: inputs.additional_build_params,
            custom_build_command: inputs.custom_build_command,
            dockerfile_text,
            status: BuildStatus::Pending,
            reason: None,
            message: String::new(),
            step: None,
            digest: None,
            rerun_of,
            cancel_requested: false,
            created_ms: self.now_ms(),
            started_ms: None,
            ended_ms: None,
            steps: 0,
            steps_cached: 0,
            lines: 0,
            pinned: false,
            log_deleted_ms: None,
        };
        match tx.build_add(&build).await {
            Ok(()) => {}
            Err(StoreError::Unique(_)) => {
                drop(tx);
                let active = self.read().await?.build_active(worker.id).await?;
                return Err(busy(&worker, active.map_or(0, |build| build.number)));
            }
            Err(error) => return Err(error.into()),
        }
        let action = if rerun_of.is_some() {
            "build.rerun"
        } else {
            "build.create"
        };
        let details = json!({
            "image": format!("{}:{}", build.name, build.tag),
            "worker": worker.name(),
            "push": build.push_image,
            "insecure_registry": build.insecure_registry,
            "credentials": build.credentials,
            "secrets": build.options.secrets,
            "tags": build.options.additional_tags,
            "rerun_of": rerun_of,
        });
        self.audit_add(
            &mut *tx,
            cx,
            action,
            &format!("#{}", build.number),
            Outcome::Done,
            details,
        )
        .await?;
        for (credential, host, only) in &kept {
            let mut details = json!({ "host": host, "build": format!("#{}", build.number) });
            if let Some(only) = only {
                details["only"] = json!(only);
            }
            self.credential_used(&mut *tx, cx, credential, details).await?;
        }
        let number = format!("#{}", build.number);
        for given in &mounts.stored {
            self.secret_used(&mut *tx, cx, given, ("build", &number)).await?;
        }
        let view = view(build.clone(), None, None, &self.inner.settings.retention);
        self.idempotency_store(&mut *tx, cx, &view).await?;
        tx.save().await?;
        self.build_changed(&build);
        self.build_start(build, Start::Launch { notes, offer });
        Ok(view)
    }

    /// The kept credentials of these names, for what is written behind a name; one that is named twice for the same is taken once.
    async fn build_secrets(&self, actor: &Actor, names: &[String]) -> Result<Vec<(RegistryCredential, Login)>> {
        if names.is_empty() {
            return Ok(vec![]);
        }
        let mut tx = self.read().await?;
        let mut picked: Vec<(RegistryCredential, Login)> = vec![];
        for written in names {
            let (name, path, only) =
                logins::kept(written).map_err(|message| Error::field("registry_secrets", message))?;
            let (credential, login) = self.credential_pick(&mut *tx, actor, name, "registry_secrets").await?;
            let host = join(&login.host, path);
            let known = |(known, login): &(RegistryCredential, Login)| {
                known.id == credential.id && login.host == host && login.only == only
            };
            if !picked.iter().any(known) {
                picked.push((credential, Login { host, only, ..login }));
            }
        }
        Ok(picked)
    }
}

/// The logins without passwords, those that are kept with their names.
fn credential_views(
    inputs: &Inputs,
    kept: &[(RegistryCredential, String, Option<CredentialUse>)],
) -> Vec<CredentialView> {
    let mut views = inputs.credential_views();
    for view in &mut views {
        view.secret_name = kept
            .iter()
            .find(|(_, host, only)| *host == view.host && *only == view.only)
            .map(|(credential, ..)| credential.name.clone());
    }
    views
}

/// Whether a worker can build now.
pub(crate) fn builds_in(worker: &Worker) -> Result<()> {
    let name = worker.name();
    if !worker.builder {
        return Err(Error::field(
            "worker",
            format!("{name} has no builder. Start a worker with ImageConfig(builder=True) and build there."),
        ));
    }
    match worker.status {
        WorkerStatus::Running => Ok(()),
        WorkerStatus::Provisioning => Err(Error::conflict(format!(
            "{name} is still being started. Wait until it is Running."
        ))),
        WorkerStatus::Terminating | WorkerStatus::Terminated | WorkerStatus::Failed => Err(Error::conflict(format!(
            "{name} is {}. Start another builder worker.",
            worker.status.name()
        ))),
    }
}

/// A build would be cut off by the restart of the build service.
async fn not_changing(tx: &mut dyn Repository, worker: &Worker) -> Result<()> {
    let config = tx.build_config(worker.id).await?;
    if config.is_none_or(|config| !config.state.is_changing()) {
        return Ok(());
    }
    Err(Error::Conflict {
        message: format!("The build service of {} is being configured.", worker.name()),
        hint: Some("Try again when that is done; it takes a few seconds.".into()),
    })
}

pub(crate) fn busy(worker: &Worker, active: i64) -> Error {
    Error::Conflict {
        message: format!(
            "{} is busy with build #{active}: there is one build at a time in a worker.",
            worker.name()
        ),
        hint: Some(format!("Wait for #{active}, cancel it, or use another worker.")),
    }
}

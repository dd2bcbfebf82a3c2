//! The request for a worker: may they, is it valid, record it, then leave the rest to a task.

use prt_types::{
    access::TokenScope,
    audit::Outcome,
    container_images::PullPolicy,
    ids::WorkerId,
    workers::{ContainerRole, ImageConfig, WorkerConfig, WorkerStatus, WorkerView},
};
use serde_json::json;

use super::{
    config,
    provision::{BuilderImage, Provision},
};
use crate::{
    Orchestrator,
    clock::new_id,
    engine::RegistryLogin,
    error::{Error, Result},
    images::ImageRef,
    op_context::{Actor, OpContext},
    orchestrator::Change,
    security_contexts,
    store::{ContainerImage, PlannedContainer, RegistryCredential, Repository, Worker},
    worker_sizes::split,
};

impl Orchestrator {
    /// Starts a worker. It comes back in Provisioning; see [`Orchestrator::worker_wait`].
    pub async fn worker_create(&self, cx: &OpContext, config: WorkerConfig) -> Result<WorkerView> {
        let image = config.worker_image.clone();
        let result = self.worker_create_checked(cx, config).await;
        self.audit_refusal(cx, "worker.create", &image, result).await
    }

    async fn worker_create_checked(&self, cx: &OpContext, config: WorkerConfig) -> Result<WorkerView> {
        let actor = cx.starter(&config)?;
        config::validate(&config, self.inner.settings.protocol())?;
        // One transaction from the decision to the row: a grant that is revoked meanwhile counts.
        let mut tx = self.write().await?;
        let image = self
            .image_resolve(&mut *tx, &config.worker_image, "worker_image")
            .await?;
        let rule = self.image_authorize(&mut *tx, actor, &image).await?;
        if let Some(wanted) = config.service_type.filter(|wanted| *wanted != rule.service_type) {
            let message = format!(
                "The image is for the service type {}, not {}.",
                rule.service_type.name(),
                wanted.name()
            );
            return Err(Error::field("service_type", message));
        }
        let size = self
            .worker_size_authorize(&mut *tx, actor, config.worker_size.as_deref())
            .await?;
        let rights = security_contexts::rights(&mut *tx, &size.security_context).await?;
        let mut used = Used::default();
        let login = self
            .pull_login(&mut *tx, actor, &config.image_config, &rule, &image)
            .await?;
        let login = used.note(login, &image);
        let secrets = self
            .secrets_pick(&mut *tx, actor, &config.personal_secrets, &config.shared_secrets)
            .await?;
        let capacity = config::capacity(&config);
        let builder = match (capacity, &config.image_config.custom_builder_url) {
            (None, _) => None,
            (Some(_), Some(custom)) => {
                let custom = self
                    .image_resolve(&mut *tx, custom, "image_config.custom_builder_url")
                    .await?;
                let rule = self.image_authorize(&mut *tx, actor, &custom).await?;
                let login = match self.rule_login(&mut *tx, &rule, &custom).await? {
                    // A login that the asker gives is for the registry of the worker's image.
                    None if custom.registry == image.registry => {
                        self.pull_login(&mut *tx, actor, &config.image_config, &rule, &custom)
                            .await?
                    }
                    login => login,
                };
                Some(BuilderImage {
                    reference: custom.to_string(),
                    login: used.note(login, &custom),
                    pull_policy: self.pull_policy(&config.image_config, &rule),
                })
            }
            // The platform's own: pulled once.
            (Some(_), None) => Some(BuilderImage {
                reference: self.builder_image(rights.privileged),
                login: None,
                pull_policy: PullPolicy::IfNotPresent,
            }),
        };
        let (primary_limits, builder_limits) = match capacity {
            Some(capacity) => {
                let (primary, builder) = split(size.net_limits(), capacity);
                (primary, Some(builder))
            }
            None => (size.net_limits(), None),
        };
        let mut planned = vec![PlannedContainer {
            role: ContainerRole::Primary,
            image: image.to_string(),
            limits: primary_limits,
        }];
        if let (Some(builder), Some(limits)) = (&builder, builder_limits) {
            planned.push(PlannedContainer {
                role: ContainerRole::Builder,
                image: builder.reference.clone(),
                limits,
            });
        }
        let worker = Worker {
            id: WorkerId(new_id()),
            number: tx.worker_next_number().await?,
            owner_id: actor.user_id,
            owner: actor.username.clone(),
            image: image.to_string(),
            image_digest: None,
            size: size.name.clone(),
            size_id: Some(size.id),
            limits: size.net_limits(),
            security_context: size.security_context,
            rights,
            builder: builder.is_some(),
            builder_capacity: capacity,
            planned,
            status: WorkerStatus::Provisioning,
            reason: None,
            message: "Waiting for the engine".into(),
            created_ms: self.now_ms(),
            ready_ms: None,
            ended_ms: None,
            stop_reason: None,
            personal_secrets: config.personal_secrets,
            shared_secrets: config.shared_secrets,
            additional_params: config.additional_params,
        };
        tx.worker_add(&worker).await?;
        let details = json!({
            "image": worker.image, "size": worker.size, "builder": worker.builder, "rule": rule.image,
            "security_context": worker.security_context.name(),
        });
        self.audit_add(&mut *tx, cx, "worker.create", &worker.name(), Outcome::Done, details)
            .await?;
        for (credential, image) in &used.0 {
            let details = json!({ "host": credential.host, "image": image, "worker": worker.name() });
            self.credential_used(&mut *tx, cx, credential, details).await?;
        }
        for given in &secrets {
            self.secret_used(&mut *tx, cx, given, ("worker", &worker.name()))
                .await?;
        }
        if actor.scope == TokenScope::BuildAndStart
            && let Some(token) = actor.token
        {
            tx.token_worker_add(token, worker.id).await?;
        }
        let token = match self.inner.settings.worker_url {
            Some(_) => {
                let created = self
                    .token_add(&mut *tx, actor.user_id, &worker.name(), None, Some(worker.id))
                    .await?;
                Some(created.value)
            }
            None => None,
        };
        let pull_policy = self.pull_policy(&config.image_config, &rule);
        let view = self.worker_view(&mut *tx, worker.clone()).await?;
        self.idempotency_store(&mut *tx, cx, &view).await?;
        tx.save().await?;
        metrics::counter!("prt_workers_created_total").increment(1);
        self.changed(Some(&worker.owner), Change::Worker { name: worker.name() });
        if !secrets.is_empty() {
            // Their last use and their workers.
            self.changed(None, Change::Secrets);
        }
        self.worker_provision(Provision {
            worker,
            image,
            login,
            pull_policy,
            builder,
            startup_script: join_scripts(&rule, config.startup_script.as_deref()),
            log_level: config.log_level,
            env: config.env_variables,
            secrets,
            token,
        });
        Ok(view)
    }

    fn pull_policy(&self, config: &ImageConfig, rule: &ContainerImage) -> PullPolicy {
        config
            .pull_policy
            .or(rule.pull_policy)
            .unwrap_or(self.inner.settings.pull_policy)
    }

    fn builder_image(&self, privileged: bool) -> String {
        let settings = &self.inner.settings;
        if privileged {
            settings.privileged_builder_image.clone()
        } else {
            settings.builder_image.clone()
        }
    }

    /// The login for the worker's own image: what the asker names or gives goes before the rule's.
    async fn pull_login(
        &self,
        tx: &mut dyn Repository,
        actor: &Actor,
        config: &ImageConfig,
        rule: &ContainerImage,
        image: &ImageRef,
    ) -> Result<Option<PullLogin>> {
        const FIELD: &str = "image_config.repo_secret_name";
        match (&config.repo_secret_name, &config.repo_username, &config.repo_password) {
            (Some(name), _, _) => {
                let (credential, login) = self.credential_pick(tx, actor, name, FIELD).await?;
                if credential.host != image.registry {
                    let message = format!(
                        "The registry credential {} is for {}; the image {image} is in {}.",
                        credential.name, credential.host, image.registry
                    );
                    return Err(Error::field(FIELD, message));
                }
                Ok(Some(PullLogin::kept(credential, login)))
            }
            (None, Some(username), Some(password)) => Ok(Some(PullLogin {
                login: RegistryLogin {
                    host: image.registry.clone(),
                    username: username.clone(),
                    password: password.clone(),
                },
                kept: None,
            })),
            (None, _, _) => self.rule_login(tx, rule, image).await,
        }
    }

    /// The login that comes with a rule. The name of the image is the user's; the login goes to the registry that the admin wrote and to
    /// no other.
    async fn rule_login(
        &self,
        tx: &mut dyn Repository,
        rule: &ContainerImage,
        image: &ImageRef,
    ) -> Result<Option<PullLogin>> {
        if rule.repo_credential_id.is_none() && rule.repo_username.is_empty() {
            return Ok(None);
        }
        let unsent = || {
            tracing::warn!(
                image.rule = rule.image,
                image.name = %image,
                "the login of a Container Image rule was not sent: it is not for this registry"
            );
        };
        if self.image_login_host(rule).as_deref() != Some(image.registry.as_str()) {
            unsent();
            return Ok(None);
        }
        if let Some(id) = rule.repo_credential_id {
            let (credential, login) = self.credential_of_rule(tx, id, &rule.image).await?;
            if credential.host != image.registry {
                unsent();
                return Ok(None);
            }
            return Ok(Some(PullLogin::kept(credential, login)));
        }
        let Some(password) = self.image_password(rule)? else {
            return Ok(None);
        };
        Ok(Some(PullLogin {
            login: RegistryLogin {
                host: image.registry.clone(),
                username: rule.repo_username.clone(),
                password: password.into(),
            },
            kept: None,
        }))
    }
}

/// A login for a pull, and the kept credential that it comes from.
struct PullLogin {
    login: RegistryLogin,
    kept: Option<RegistryCredential>,
}

impl PullLogin {
    fn kept(credential: RegistryCredential, login: prt_types::builds::RegistryCredential) -> Self {
        Self {
            login: RegistryLogin {
                host: login.host,
                username: login.username,
                password: login.password,
            },
            kept: Some(credential),
        }
    }
}

/// The kept credentials that a worker uses, each with its image.
#[derive(Default)]
struct Used(Vec<(RegistryCredential, String)>);

impl Used {
    fn note(&mut self, login: Option<PullLogin>, image: &ImageRef) -> Option<RegistryLogin> {
        let PullLogin { login, kept } = login?;
        self.0.extend(kept.map(|credential| (credential, image.to_string())));
        Some(login)
    }
}

/// The rule's script, then the worker's own.
fn join_scripts(rule: &ContainerImage, own: Option<&str>) -> Option<String> {
    let parts: Vec<&str> = [Some(rule.startup_script.as_str()), own]
        .into_iter()
        .flatten()
        .filter(|part| !part.trim().is_empty())
        .collect();
    (!parts.is_empty()).then(|| parts.join("\n"))
}

//! Container Image rules: what admins edit, and the decision about an image as the doors ask for it.

use prt_types::{
    audit::Outcome,
    container_images::{ContainerImageInput, ContainerImageView, ImageCheck, ImageChoice, MatchKind, ServiceType},
    ids::{ContainerImageId, RegistryCredentialId},
};
use serde_json::json;

use crate::{
    Orchestrator,
    access::{everyone, grantees},
    authz::{
        granted,
        images::{Decision, Matcher, WHERE, decide, kind, numbers},
    },
    clock::new_id,
    error::{Error, Fields, Result},
    images::{ImageRef, is_tag},
    names::{Names, only},
    op_context::{Actor, OpContext},
    orchestrator::Change,
    registry::login,
    store::{ContainerImage, Grantee, RegistryCredential, Repository},
};

/// Set once the platform's images were granted, so that an admin who removes the rule does not find it back.
const SEEDED: &str = "container_images.seeded";

impl Orchestrator {
    /// At the first start, grants the platform's own image to Everyone.
    pub(crate) async fn container_images_seed(&self) -> Result<()> {
        let mut tx = self.write().await?;
        if tx.setting(SEEDED).await?.is_some() {
            return Ok(());
        }
        let everyone = everyone(&mut *tx).await?;
        let now = self.now_ms();
        let rule = ContainerImage {
            id: ContainerImageId(new_id()),
            image: format!("{}/practicus-minimal", self.inner.settings.default_registry),
            service_type: ServiceType::CloudWorker,
            name: "Practicus minimal".into(),
            description: "Python and JupyterLab".into(),
            version: String::new(),
            minimum_version: String::new(),
            recommended_version: self.inner.settings.platform_version.clone(),
            pull_policy: None,
            repo_username: String::new(),
            repo_password_sealed: None,
            repo_credential_id: None,
            trusted_with_credentials: false,
            startup_script: String::new(),
            order: 100,
            grants: vec![Grantee::Group(everyone.id)],
            revision: 1,
            created_ms: now,
            updated_ms: now,
        };
        tx.container_image_add(&rule).await?;
        tx.setting_put(SEEDED, "1").await?;
        Ok(tx.save().await?)
    }

    /// All rules. Admins only.
    pub async fn container_image_list(&self, cx: &OpContext) -> Result<Vec<ContainerImageView>> {
        self.admin(cx, "list Container Images", "container_image.list").await?;
        let mut tx = self.read().await?;
        let images = tx.container_images().await?;
        views(&mut *tx, images).await
    }

    /// One rule. Admins only.
    pub async fn container_image_get(&self, cx: &OpContext, id: ContainerImageId) -> Result<ContainerImageView> {
        self.admin(cx, "read Container Images", "container_image.get").await?;
        let mut tx = self.read().await?;
        let image = tx
            .container_image(id)
            .await?
            .ok_or_else(|| Error::not_found("container image", id))?;
        view(&mut *tx, image).await
    }

    /// Adds a rule. Admins only.
    pub async fn container_image_create(
        &self,
        cx: &OpContext,
        input: ContainerImageInput,
    ) -> Result<ContainerImageView> {
        let result = self.container_image_save(cx, None, &input).await;
        self.audit_refusal(cx, "container_image.create", &input.image, result)
            .await
    }

    /// Changes a rule. Admins only. Running workers are left alone; the next start obeys the change.
    pub async fn container_image_update(
        &self,
        cx: &OpContext,
        id: ContainerImageId,
        input: ContainerImageInput,
    ) -> Result<ContainerImageView> {
        let result = self.container_image_save(cx, Some(id), &input).await;
        self.audit_refusal(cx, "container_image.update", &input.image, result)
            .await
    }

    async fn container_image_save(
        &self,
        cx: &OpContext,
        id: Option<ContainerImageId>,
        input: &ContainerImageInput,
    ) -> Result<ContainerImageView> {
        let actor = cx.admin("change Container Images")?;
        let now = self.now_ms();
        let mut tx = self.write().await?;
        let before = match id {
            Some(id) => Some(
                tx.container_image(id)
                    .await?
                    .ok_or_else(|| Error::not_found("container image", id))?,
            ),
            None => None,
        };
        if let (Some(before), Some(seen)) = (&before, input.revision)
            && before.revision != seen
        {
            return Err(changed_meanwhile());
        }
        self.validate(input, before.as_ref())?;
        let repo_credential_id = self.rule_credential(&mut *tx, actor, input, before.as_ref()).await?;
        let id = before
            .as_ref()
            .map_or_else(|| ContainerImageId(new_id()), |before| before.id);
        let repo_password_sealed = match &input.repo_password {
            None if input.repo_username.trim().is_empty() => None,
            None => before.as_ref().and_then(|before| before.repo_password_sealed.clone()),
            Some(empty) if empty.is_empty() => None,
            Some(password) => Some(self.inner.sealer.seal(&sealed_for(id), password.expose().as_bytes())?),
        };
        let grants = grantees(&mut *tx, &input.users, &input.groups).await?;
        let after = ContainerImage {
            id,
            image: input.image.trim().to_owned(),
            service_type: input.service_type,
            name: input.name.trim().to_owned(),
            description: input.description.trim().to_owned(),
            version: input.version.trim().to_owned(),
            minimum_version: input.minimum_version.trim().to_owned(),
            recommended_version: input.recommended_version.trim().to_owned(),
            pull_policy: input.pull_policy,
            repo_username: input.repo_username.trim().to_owned(),
            repo_password_sealed,
            repo_credential_id,
            trusted_with_credentials: input.trusted_with_credentials,
            startup_script: input.startup_script.clone(),
            order: input.order,
            grants,
            revision: before.as_ref().map_or(1, |before| before.revision + 1),
            created_ms: before.as_ref().map_or(now, |before| before.created_ms),
            updated_ms: now,
        };
        let (action, details) = match before {
            None => {
                tx.container_image_add(&after).await?;
                let after = view(&mut *tx, after.clone()).await?;
                ("container_image.create", json!({ "after": after }))
            }
            Some(before) => {
                if !tx.container_image_update(&after).await? {
                    return Err(changed_meanwhile());
                }
                let before = view(&mut *tx, before).await?;
                let after = view(&mut *tx, after.clone()).await?;
                ("container_image.update", json!({ "before": before, "after": after }))
            }
        };
        self.audit_add(&mut *tx, cx, action, &after.image, Outcome::Done, details)
            .await?;
        let saved = view(&mut *tx, after).await?;
        tx.save().await?;
        self.changed(None, Change::ContainerImages);
        Ok(saved)
    }

    fn validate(&self, input: &ContainerImageInput, before: Option<&ContainerImage>) -> Result<()> {
        let mut fields = Fields::new();
        let mut matcher = None;
        if input.image.trim().is_empty() {
            fields.add(
                "image",
                "Write an image name, * for any image, or a regular expression that starts with ^.",
            );
        } else {
            match Matcher::parse(&input.image, &self.inner.settings.default_registry) {
                Ok(parsed) => matcher = Some(parsed),
                Err(message) => fields.add("image", message),
            }
        }
        self.validate_login(input, before, matcher.as_ref(), &mut fields);
        if input.name.chars().count() > 200 {
            fields.add("name", "At most 200 characters.");
        }
        for (field, text) in [
            ("version", &input.version),
            ("recommended_version", &input.recommended_version),
        ] {
            if !text.trim().is_empty() && !is_tag(text.trim()) {
                let message =
                    "A version is a tag: letters, digits, _, . and - only, not beginning with . or -, at most 128.";
                fields.add(field, message);
            }
        }
        let minimum = input.minimum_version.trim();
        if !minimum.is_empty() && (numbers(minimum).is_none() || !is_tag(minimum)) {
            let message = "A minimum version is made of numbers and dots, such as 25.5.3: others cannot be compared.";
            fields.add("minimum_version", message);
        }
        if input.startup_script.contains('\0') {
            fields.add("startup_script", "The script contains a NUL character.");
        }
        fields.check()
    }

    /// A login belongs to one registry. Users write the image's name, so a login that goes wherever a rule matches would go wherever
    /// they want.
    fn validate_login(
        &self,
        input: &ContainerImageInput,
        before: Option<&ContainerImage>,
        matcher: Option<&Matcher>,
        fields: &mut Fields,
    ) {
        let username = input.repo_username.trim();
        let stored = before.is_some_and(|before| before.repo_password_sealed.is_some());
        let given = input.repo_password.as_ref().filter(|password| !password.is_empty());
        // Without its user name a stored password is forgotten.
        let kept = input.repo_password.is_none() && stored && !username.is_empty();
        if !input.repo_secret_name.trim().is_empty() && (!username.is_empty() || given.is_some()) {
            fields.add(
                "repo_secret_name",
                "repo_secret_name excludes repo_username and repo_password.",
            );
            return;
        }
        match (username.is_empty(), given.is_some() || kept) {
            (true, true) => fields.add("repo_username", "A password needs a user name."),
            (false, false) => fields.add("repo_password", "A user name needs a password."),
            (true, false) => return,
            (false, true) => {}
        }
        if !username.is_empty()
            && let Err(message) = login::check_username(username)
        {
            fields.add("repo_username", message);
        }
        if let Some(Err(message)) = given.map(login::check_password) {
            fields.add("repo_password", message);
        }
        let Some(matcher) = matcher.filter(|_| !username.is_empty()) else {
            return;
        };
        match (matcher.host(), before.and_then(|before| self.image_login_host(before))) {
            (None, _) => fields.add(
                "repo_username",
                "A login is sent to one registry only, and this rule matches images of several. Write the registry's whole name \
                 up to the slash, with each dot as \\., such as ^my-registry\\.my-company\\.com\\/, or leave the login out.",
            ),
            (Some(host), Some(was)) if kept && host != was => fields.add(
                "repo_password",
                format!("The stored password is for {was}. Give the one for {host}."),
            ),
            // One that was never sent is not sent now because an edit fixes a registry.
            (Some(host), None) if kept => {
                fields.add("repo_password", format!("Give the password for {host} again."));
            }
            (Some(_), _) => {}
        }
    }

    /// The kept credential that a rule names, which must be for the one registry of the rule.
    async fn rule_credential(
        &self,
        tx: &mut dyn Repository,
        actor: &Actor,
        input: &ContainerImageInput,
        before: Option<&ContainerImage>,
    ) -> Result<Option<RegistryCredentialId>> {
        const FIELD: &str = "repo_secret_name";
        let name = input.repo_secret_name.trim();
        if name.is_empty() {
            return Ok(None);
        }
        // One that is there already stays, also when another admin edits the rule or the credential has expired.
        let stays = tx
            .registry_credential_by_name(name)
            .await?
            .filter(|credential| before.and_then(|before| before.repo_credential_id) == Some(credential.id));
        let credential = match stays {
            Some(credential) => credential,
            None => self.credential_pick(tx, actor, name, FIELD).await?.0,
        };
        let matcher = Matcher::parse(&input.image, &self.inner.settings.default_registry);
        if matcher.as_ref().ok().and_then(Matcher::host) == Some(&credential.host) {
            return Ok(Some(credential.id));
        }
        let message = format!(
            "The registry credential {name} is for {}, and this rule does not match images of that registry only.",
            credential.host
        );
        Err(Error::field(FIELD, message))
    }

    /// The registry that a rule's login may be sent to.
    pub(crate) fn image_login_host(&self, rule: &ContainerImage) -> Option<String> {
        let matcher = Matcher::parse(&rule.image, &self.inner.settings.default_registry).ok()?;
        matcher.host().map(str::to_owned)
    }

    /// Removes a rule. Admins only.
    pub async fn container_image_delete(&self, cx: &OpContext, id: ContainerImageId) -> Result<()> {
        let result = self.container_image_remove(cx, id).await;
        self.audit_refusal(cx, "container_image.delete", &id.to_string(), result)
            .await
    }

    async fn container_image_remove(&self, cx: &OpContext, id: ContainerImageId) -> Result<()> {
        cx.admin("delete Container Images")?;
        let mut tx = self.write().await?;
        let before = tx
            .container_image(id)
            .await?
            .ok_or_else(|| Error::not_found("container image", id))?;
        let name = before.image.clone();
        let before = view(&mut *tx, before).await?;
        tx.container_image_remove(id).await?;
        self.audit_add(
            &mut *tx,
            cx,
            "container_image.delete",
            &name,
            Outcome::Done,
            json!({ "before": before }),
        )
        .await?;
        tx.save().await?;
        self.changed(None, Change::ContainerImages);
        Ok(())
    }

    /// What a name means and whether the asker may run it; a question, so a refusal is no error here.
    pub async fn image_check(&self, cx: &OpContext, text: &str) -> Result<ImageCheck> {
        let actor = cx.actor()?;
        let mut tx = self.read().await?;
        let image = self.image_resolve(&mut *tx, text, "image").await?;
        let (allowed, reason) = match self.image_decide(&mut *tx, actor, &image).await? {
            Ok(rule) => (true, format!("Allowed by the rule {}.", rule.image)),
            Err(reason) => (false, reason),
        };
        Ok(ImageCheck {
            reference: image.to_string(),
            allowed,
            reason,
        })
    }

    /// The asker's images, for pickers.
    pub async fn image_choices(&self, cx: &OpContext) -> Result<Vec<ImageChoice>> {
        let actor = cx.actor()?;
        let rules = self.read().await?.container_images().await?;
        Ok(rules
            .into_iter()
            .filter(|rule| granted(actor, &rule.grants))
            .map(|rule| {
                let match_kind = kind(&rule.image);
                let image = match match_kind {
                    MatchKind::Exact => rule.image.clone(),
                    MatchKind::Any | MatchKind::Pattern => String::new(),
                };
                let name = if rule.name.is_empty() {
                    rule.image.clone()
                } else {
                    rule.name
                };
                ImageChoice {
                    image,
                    match_kind,
                    rule: rule.image,
                    name,
                    description: rule.description,
                    recommended_version: rule.recommended_version,
                    service_type: rule.service_type,
                }
            })
            .collect())
    }

    /// Reads an image name of field `field`. Without a tag it gets the version of the first exact rule for it, else the platform's.
    pub(crate) async fn image_resolve(&self, tx: &mut dyn Repository, text: &str, field: &str) -> Result<ImageRef> {
        let settings = &self.inner.settings;
        let resolve = |tag: &str| {
            ImageRef::resolve(text, &settings.default_registry, tag)
                .map_err(|error| Error::field(field, error.to_string()))
        };
        let image = resolve(&settings.platform_version)?;
        for rule in tx.container_images().await? {
            if rule.version.is_empty() || kind(&rule.image) != MatchKind::Exact {
                continue;
            }
            if let Ok(Matcher::Exact {
                name,
                tag: None,
                digest: None,
            }) = Matcher::parse(&rule.image, &settings.default_registry)
                && name == image.name()
            {
                return resolve(&rule.version);
            }
        }
        Ok(image)
    }

    /// The decision, with the rules as they are in this transaction: the rule that allows it, or the reason of the refusal.
    pub(crate) async fn image_decide(
        &self,
        tx: &mut dyn Repository,
        actor: &Actor,
        image: &ImageRef,
    ) -> Result<Result<ContainerImage, String>> {
        self.image_decide_by(tx, actor, image, |_| true).await
    }

    /// Whether a builder of this image gets what others share with the actor: by a rule that allows it and says so.
    pub(crate) async fn image_trusted(&self, tx: &mut dyn Repository, actor: &Actor, image: &ImageRef) -> Result<bool> {
        let decided = self
            .image_decide_by(tx, actor, image, |rule| rule.trusted_with_credentials)
            .await?;
        Ok(decided.is_ok())
    }

    async fn image_decide_by(
        &self,
        tx: &mut dyn Repository,
        actor: &Actor,
        image: &ImageRef,
        counts: impl Fn(&ContainerImage) -> bool + Send,
    ) -> Result<Result<ContainerImage, String>> {
        let rules: Vec<(ContainerImage, Matcher)> = tx
            .container_images()
            .await?
            .into_iter()
            .filter(|rule| counts(rule))
            .filter_map(
                |rule| match Matcher::parse(&rule.image, &self.inner.settings.default_registry) {
                    Ok(matcher) => Some((rule, matcher)),
                    Err(error) => {
                        // Saved rules were checked; one that no longer parses must not open anything.
                        tracing::error!(
                            image.rule = rule.image,
                            error,
                            "a stored Container Image rule is ignored"
                        );
                        None
                    }
                },
            )
            .collect();
        Ok(
            match decide(actor, rules.iter().map(|(rule, matcher)| (rule, matcher)), image) {
                Decision::Allowed(rule) => Ok(rule.clone()),
                Decision::Denied(reason) => Err(reason),
            },
        )
    }

    /// The decision as an error with the place where access is granted.
    pub(crate) async fn image_authorize(
        &self,
        tx: &mut dyn Repository,
        actor: &Actor,
        image: &ImageRef,
    ) -> Result<ContainerImage> {
        self.image_decide(tx, actor, image)
            .await?
            .map_err(|reason| Error::forbidden(reason, format!("Ask an admin for access in {WHERE}.")))
    }

    /// The stored registry password of a rule.
    pub(crate) fn image_password(&self, rule: &ContainerImage) -> Result<Option<String>> {
        let Some(sealed) = &rule.repo_password_sealed else {
            return Ok(None);
        };
        let plain = self.inner.sealer.open(&sealed_for(rule.id), sealed)?;
        Ok(Some(String::from_utf8_lossy(&plain).into_owned()))
    }
}

pub(crate) fn sealed_for(id: ContainerImageId) -> String {
    format!("container_image/{id}")
}

fn changed_meanwhile() -> Error {
    Error::Conflict {
        message: "Somebody else changed this Container Image after you opened it.".into(),
        hint: Some("Open it again to see the change, then make yours.".into()),
    }
}

async fn view(tx: &mut dyn Repository, image: ContainerImage) -> Result<ContainerImageView> {
    only(views(tx, vec![image]).await?)
}

async fn views(tx: &mut dyn Repository, images: Vec<ContainerImage>) -> Result<Vec<ContainerImageView>> {
    let names = Names::of(tx, images.iter().flat_map(|image| image.grants.clone()).collect()).await?;
    let named = images.iter().any(|image| image.repo_credential_id.is_some());
    let credentials = if named {
        tx.registry_credentials().await?
    } else {
        vec![]
    };
    let view = |image| view_with(&names, &credentials, image);
    Ok(images.into_iter().map(view).collect())
}

fn view_with(names: &Names, credentials: &[RegistryCredential], image: ContainerImage) -> ContainerImageView {
    let (users, groups) = names.sorted(&image.grants);
    let credential = image
        .repo_credential_id
        .and_then(|id| credentials.iter().find(|credential| credential.id == id));
    let repo_secret_name = credential.map_or_else(String::new, |credential| credential.name.clone());
    ContainerImageView {
        id: image.id,
        match_kind: kind(&image.image),
        image: image.image,
        service_type: image.service_type,
        name: image.name,
        description: image.description,
        version: image.version,
        minimum_version: image.minimum_version,
        recommended_version: image.recommended_version,
        pull_policy: image.pull_policy,
        repo_username: image.repo_username,
        has_repo_password: image.repo_password_sealed.is_some(),
        repo_secret_name,
        trusted_with_credentials: image.trusted_with_credentials,
        startup_script: image.startup_script,
        order: image.order,
        users,
        groups,
        revision: image.revision,
        updated_ms: image.updated_ms,
    }
}

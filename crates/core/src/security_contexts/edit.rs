//! Security contexts as admins read and change them.

use prt_types::{
    audit::Outcome,
    security_contexts::{
        ContainerSecurity, SecurityContext, SecurityContextInput, SecurityContextUse, SecurityContextView,
        SecurityRights,
    },
    workers::ContainerRole,
};
use serde_json::json;

use super::{built_in, gives_host, pod_security, settings, validate::validate};
use crate::{
    Orchestrator,
    error::{Error, Result},
    op_context::OpContext,
    orchestrator::Change,
    store::{OwnSecurityContext, Repository, StoreError},
    worker_sizes::{audience, grantee_names},
};

const KIND: &str = "security context";

impl Orchestrator {
    /// The built-in ones, then those that admins made. Admins only.
    pub async fn security_context_list(&self, cx: &OpContext) -> Result<Vec<SecurityContextView>> {
        self.admin(cx, "list Security Contexts", "security_context.list")
            .await?;
        let mut tx = self.read().await?;
        let mut views = Vec::new();
        for context in SecurityContext::BUILT_IN {
            views.extend(self.built_in_view(&mut *tx, &context).await?);
        }
        for own in tx.security_contexts().await? {
            views.push(self.own_view(&mut *tx, own).await?);
        }
        Ok(views)
    }

    /// One. Admins only.
    pub async fn security_context_get(&self, cx: &OpContext, name: &str) -> Result<SecurityContextView> {
        self.admin(cx, "read Security Contexts", "security_context.get").await?;
        let mut tx = self.read().await?;
        if let Some(view) = self.built_in_view(&mut *tx, &SecurityContext::from(name)).await? {
            return Ok(view);
        }
        let own = tx
            .security_context(name)
            .await?
            .ok_or_else(|| Error::not_found(KIND, name))?;
        self.own_view(&mut *tx, own).await
    }

    /// Makes one. Admins only.
    pub async fn security_context_create(
        &self,
        cx: &OpContext,
        input: SecurityContextInput,
    ) -> Result<SecurityContextView> {
        let result = self.security_context_save(cx, None, &input).await;
        self.audit_refusal(cx, "security_context.create", &input.name, result)
            .await
    }

    /// Changes one. Admins only. Running workers are left alone; new ones get the change.
    pub async fn security_context_update(
        &self,
        cx: &OpContext,
        name: &str,
        input: SecurityContextInput,
    ) -> Result<SecurityContextView> {
        let result = self.security_context_save(cx, Some(name), &input).await;
        self.audit_refusal(cx, "security_context.update", name, result).await
    }

    async fn security_context_save(
        &self,
        cx: &OpContext,
        old: Option<&str>,
        input: &SecurityContextInput,
    ) -> Result<SecurityContextView> {
        cx.admin("change Security Contexts")?;
        let now = self.now_ms();
        let mut tx = self.write().await?;
        let before = match old {
            None => None,
            Some(name) => {
                if built_in(&SecurityContext::from(name)).is_some() {
                    return Err(fixed(name));
                }
                let before = tx.security_context(name).await?;
                Some(before.ok_or_else(|| Error::not_found(KIND, name))?)
            }
        };
        if let (Some(before), Some(seen)) = (&before, input.revision)
            && before.revision != seen
        {
            return Err(changed_meanwhile());
        }
        let (name, description, rights) = validate(input)?;
        if let Some(before) = &before
            && before.name != name
        {
            return Err(Error::field(
                "name",
                "The name cannot be changed: worker sizes know the security context by it.",
            ));
        }
        let uses = uses(&mut *tx, &name).await?;
        if gives_host(&rights) && !input.confirm_privileged {
            return Err(Error::field("confirm_privileged", question(&name, &uses)));
        }
        let after = OwnSecurityContext {
            name: name.clone(),
            description,
            rights,
            revision: before.as_ref().map_or(1, |before| before.revision + 1),
            created_ms: before.as_ref().map_or(now, |before| before.created_ms),
            updated_ms: now,
        };
        let (action, details) = match before {
            None => {
                if let Some(taken) = same_name(&mut *tx, &name).await? {
                    return Err(taken_name(&taken));
                }
                tx.security_context_add(&after).await.map_err(|error| match error {
                    StoreError::Unique(_) => taken_name(&name),
                    error => error.into(),
                })?;
                ("security_context.create", json!({ "after": facts(&after) }))
            }
            Some(before) => {
                if !tx.security_context_update(&after).await? {
                    return Err(changed_meanwhile());
                }
                let details = json!({ "before": facts(&before), "after": facts(&after) });
                ("security_context.update", details)
            }
        };
        self.audit_add(&mut *tx, cx, action, &name, Outcome::Done, details)
            .await?;
        let view = self.own_view(&mut *tx, after).await?;
        tx.save().await?;
        self.changed(None, Change::SecurityContexts);
        Ok(view)
    }

    /// Removes one that no worker size names. Admins only. Running workers are left alone.
    pub async fn security_context_delete(&self, cx: &OpContext, name: &str) -> Result<()> {
        let result = self.security_context_remove(cx, name).await;
        self.audit_refusal(cx, "security_context.delete", name, result).await
    }

    async fn security_context_remove(&self, cx: &OpContext, name: &str) -> Result<()> {
        cx.admin("delete Security Contexts")?;
        if built_in(&SecurityContext::from(name)).is_some() {
            return Err(fixed(name));
        }
        let mut tx = self.write().await?;
        let before = tx
            .security_context(name)
            .await?
            .ok_or_else(|| Error::not_found(KIND, name))?;
        let sizes: Vec<String> = uses(&mut *tx, name).await?.into_iter().map(|one| one.size).collect();
        if !sizes.is_empty() {
            return Err(Error::Conflict {
                message: format!("Worker sizes use the security context {name}: {}.", sizes.join(", ")),
                hint: Some("Give them another one first, in Infrastructure > Worker Sizes.".into()),
            });
        }
        tx.security_context_remove(name).await?;
        let details = json!({ "before": facts(&before) });
        self.audit_add(&mut *tx, cx, "security_context.delete", name, Outcome::Done, details)
            .await?;
        tx.save().await?;
        self.changed(None, Change::SecurityContexts);
        Ok(())
    }

    async fn built_in_view(
        &self,
        tx: &mut dyn Repository,
        context: &SecurityContext,
    ) -> Result<Option<SecurityContextView>> {
        let description = match context {
            SecurityContext::Default => "User 1000; sudo works; not privileged.",
            SecurityContext::Restricted => "User 1000; no sudo, no capabilities, no way to more rights.",
            SecurityContext::Privileged => {
                "Root on the host, and the privileged builder. For those whom you trust with the machine."
            }
            SecurityContext::Own(_) => return Ok(None),
        };
        let Some(rights) = built_in(context) else {
            return Ok(None);
        };
        let view = SecurityContextView {
            name: context.name().to_owned(),
            description: description.to_owned(),
            built_in: true,
            primary: self.container_security(&rights, ContainerRole::Primary),
            builder: self.container_security(&rights, ContainerRole::Builder),
            rights,
            sizes: uses(tx, context.name()).await?,
            revision: 0,
            updated_ms: 0,
        };
        Ok(Some(view))
    }

    async fn own_view(&self, tx: &mut dyn Repository, own: OwnSecurityContext) -> Result<SecurityContextView> {
        Ok(SecurityContextView {
            primary: self.container_security(&own.rights, ContainerRole::Primary),
            builder: self.container_security(&own.rights, ContainerRole::Builder),
            sizes: uses(tx, &own.name).await?,
            name: own.name,
            description: own.description,
            built_in: false,
            rights: own.rights,
            revision: own.revision,
            updated_ms: own.updated_ms,
        })
    }

    /// What a container with these rights gets, from the functions that a start goes through.
    fn container_security(&self, rights: &SecurityRights, role: ContainerRole) -> ContainerSecurity {
        let settings = settings(rights, role);
        let non_root = match role {
            ContainerRole::Primary => rights.run_as_non_root,
            ContainerRole::Builder => !rights.privileged,
        };
        let (level, reasons) = pod_security::level(&settings, non_root);
        ContainerSecurity {
            engine: self.inner.engine.describe_security(&settings),
            level,
            reasons,
        }
    }
}

/// The sizes that name a context, with who may use them.
async fn uses(tx: &mut dyn Repository, name: &str) -> Result<Vec<SecurityContextUse>> {
    let mut uses = Vec::new();
    for size in tx.worker_sizes().await? {
        if size.security_context.name() == name {
            let (users, groups) = grantee_names(tx, &size.grants).await?;
            uses.push(SecurityContextUse {
                size: size.name,
                users,
                groups,
            });
        }
    }
    Ok(uses)
}

/// A context whose name differs in case only would be mixed up by people.
async fn same_name(tx: &mut dyn Repository, name: &str) -> Result<Option<String>> {
    let all = tx.security_contexts().await?;
    Ok(all
        .into_iter()
        .map(|own| own.name)
        .find(|known| known.eq_ignore_ascii_case(name)))
}

fn question(name: &str, uses: &[SecurityContextUse]) -> String {
    let who: Vec<String> = uses
        .iter()
        .map(|one| format!("{} ({})", one.size, audience(&one.users, &one.groups)))
        .collect();
    let who = if who.is_empty() {
        "No worker size uses it yet.".to_owned()
    } else {
        format!("Who could: {}.", who.join("; "))
    };
    format!("{name} is privileged: who starts a worker with it has root on the host. {who} Confirm that this is meant.")
}

fn facts(own: &OwnSecurityContext) -> serde_json::Value {
    json!({ "name": own.name, "description": own.description, "rights": own.rights, "revision": own.revision })
}

fn taken_name(name: &str) -> Error {
    Error::field("name", format!("The security context {name} exists already."))
}

fn fixed(name: &str) -> Error {
    Error::Conflict {
        message: format!("The security context {name} is built in: it can neither be changed nor deleted."),
        hint: Some("Make one of your own.".into()),
    }
}

fn changed_meanwhile() -> Error {
    Error::Conflict {
        message: "Somebody else changed this security context after you opened it.".into(),
        hint: Some("Open it again to see the change, then make yours.".into()),
    }
}

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
    names::Names,
    op_context::OpContext,
    orchestrator::Change,
    store::{OwnSecurityContext, Repository, StoreError, WorkerSize},
    worker_sizes::audience,
};

const KIND: &str = "security context";

impl Orchestrator {
    /// The built-in ones, then those that admins made. Admins only.
    pub async fn security_context_list(&self, cx: &OpContext) -> Result<Vec<SecurityContextView>> {
        self.admin(cx, "list Security Contexts", "security_context.list")
            .await?;
        let mut tx = self.read().await?;
        let uses = Uses::of(&mut *tx, None).await?;
        let built_in = SecurityContext::BUILT_IN
            .iter()
            .filter_map(|context| self.built_in_view(&uses, context));
        let own = tx.security_contexts().await?;
        let own = own.into_iter().map(|own| self.own_view(&uses, own));
        Ok(built_in.chain(own).collect())
    }

    /// One. Admins only.
    pub async fn security_context_get(&self, cx: &OpContext, name: &str) -> Result<SecurityContextView> {
        self.admin(cx, "read Security Contexts", "security_context.get").await?;
        let mut tx = self.read().await?;
        let uses = Uses::of(&mut *tx, Some(name)).await?;
        if let Some(view) = self.built_in_view(&uses, &SecurityContext::from(name)) {
            return Ok(view);
        }
        let own = tx
            .security_context(name)
            .await?
            .ok_or_else(|| Error::not_found(KIND, name))?;
        Ok(self.own_view(&uses, own))
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
        let uses = Uses::of(&mut *tx, Some(&name)).await?;
        if gives_host(&rights) && !input.confirm_privileged {
            return Err(Error::field(
                "confirm_privileged",
                question(&name, &uses.of_context(&name)),
            ));
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
        let view = self.own_view(&uses, after);
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
        let uses = Uses::of(&mut *tx, Some(name)).await?;
        let sizes: Vec<String> = uses.of_context(name).into_iter().map(|one| one.size).collect();
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

    fn built_in_view(&self, uses: &Uses, context: &SecurityContext) -> Option<SecurityContextView> {
        let description = match context {
            SecurityContext::Default => "User 1000; sudo works; not privileged.",
            SecurityContext::Restricted => "User 1000; no sudo, no capabilities, no way to more rights.",
            SecurityContext::Privileged => {
                "Root on the host, and the privileged builder. For those whom you trust with the machine."
            }
            SecurityContext::Own(_) => return None,
        };
        let rights = built_in(context)?;
        Some(SecurityContextView {
            name: context.name().to_owned(),
            description: description.to_owned(),
            built_in: true,
            primary: self.container_security(&rights, ContainerRole::Primary),
            builder: self.container_security(&rights, ContainerRole::Builder),
            rights,
            sizes: uses.of_context(context.name()),
            revision: 0,
            updated_ms: 0,
        })
    }

    fn own_view(&self, uses: &Uses, own: OwnSecurityContext) -> SecurityContextView {
        SecurityContextView {
            primary: self.container_security(&own.rights, ContainerRole::Primary),
            builder: self.container_security(&own.rights, ContainerRole::Builder),
            sizes: uses.of_context(&own.name),
            name: own.name,
            description: own.description,
            built_in: false,
            rights: own.rights,
            revision: own.revision,
            updated_ms: own.updated_ms,
        }
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

/// Sizes with who may use them.
struct Uses {
    sizes: Vec<WorkerSize>,
    names: Names,
}

impl Uses {
    /// The sizes that name this context, or all.
    async fn of(tx: &mut dyn Repository, context: Option<&str>) -> Result<Self> {
        let mut sizes = tx.worker_sizes().await?;
        sizes.retain(|size| context.is_none_or(|name| size.security_context.name() == name));
        let names = Names::of(tx, sizes.iter().flat_map(|size| size.grants.clone()).collect()).await?;
        Ok(Self { sizes, names })
    }

    fn of_context(&self, name: &str) -> Vec<SecurityContextUse> {
        let sizes = self.sizes.iter().filter(|size| size.security_context.name() == name);
        sizes
            .map(|size| {
                let (users, groups) = self.names.sorted(&size.grants);
                SecurityContextUse {
                    size: size.name.clone(),
                    users,
                    groups,
                }
            })
            .collect()
    }
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

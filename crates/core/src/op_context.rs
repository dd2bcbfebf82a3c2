//! Who asks, from where, in which request.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use prt_types::{
    access::{Door, Role, TokenScope},
    ids::{GroupId, TokenId, UserId, WorkerId},
};

use crate::{
    error::{Error, Result},
    idempotency::PendingKey,
};

/// An authenticated user with what decides about their rights. Read anew for each request, so that a revoked right is gone at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The user.
    pub user_id: UserId,
    /// The login name.
    pub username: String,
    /// The role.
    pub role: Role,
    /// The user's groups, Everyone included.
    pub groups: Vec<GroupId>,
    /// Set when a worker's own token was used: then only that worker and its builds can be touched.
    pub only_worker: Option<WorkerId>,
    /// What the token may be used for; Full for a session.
    pub scope: TokenScope,
    /// The token that was used.
    pub token: Option<TokenId>,
}

impl Actor {
    /// Whether the role is Admin.
    pub fn is_admin(&self) -> bool {
        match self.role {
            Role::Admin => true,
            Role::User => false,
        }
    }
}

/// The context of one operation; the first argument of every method of the orchestrator.
#[derive(Clone, Debug)]
pub struct OpContext {
    actor: Option<Actor>,
    /// Names the request in the log.
    pub request_id: String,
    /// Where it came in.
    pub door: Door,
    /// The client's address.
    pub address: String,
    /// Whether a refusal of this request is in the audit log.
    refusal_recorded: Arc<AtomicBool>,
    /// The request's idempotency key, which what it makes is stored with.
    pending_key: Option<Arc<PendingKey>>,
}

impl OpContext {
    /// A request of nobody in particular.
    pub fn anonymous(request_id: impl Into<String>, door: Door, address: impl Into<String>) -> Self {
        Self {
            actor: None,
            request_id: request_id.into(),
            door,
            address: address.into(),
            refusal_recorded: Arc::default(),
            pending_key: None,
        }
    }

    /// The console's own background work.
    pub fn system(what: &str) -> Self {
        Self::anonymous(what, Door::System, "")
    }

    /// The same request with its user known.
    pub fn with_actor(mut self, actor: Actor) -> Self {
        self.actor = Some(actor);
        self
    }

    /// The same request under an idempotency key.
    pub(crate) fn with_pending_key(mut self, key: PendingKey) -> Self {
        self.pending_key = Some(Arc::new(key));
        self
    }

    pub(crate) fn pending_key(&self) -> Option<&PendingKey> {
        self.pending_key.as_deref()
    }

    /// The user, if any.
    pub fn actor_opt(&self) -> Option<&Actor> {
        self.actor.as_ref()
    }

    pub(crate) fn note_refusal(&self) {
        self.refusal_recorded.store(true, Ordering::Relaxed);
    }

    /// Whether a refusal of this request is in the audit log already.
    pub fn is_refusal_recorded(&self) -> bool {
        self.refusal_recorded.load(Ordering::Relaxed)
    }

    /// The user, or an error that says to log in. A token for builds is refused, so that an operation is closed to it unless it asks for
    /// [`OpContext::any_actor`].
    pub fn actor(&self) -> Result<&Actor> {
        let actor = self.any_actor()?;
        match actor.scope {
            TokenScope::Full => Ok(actor),
            TokenScope::Build | TokenScope::BuildAndStart => Err(crate::token_scope::refusal()),
        }
    }

    /// The user, whatever the token may be used for: for what a token for builds may do too.
    pub fn any_actor(&self) -> Result<&Actor> {
        self.actor
            .as_ref()
            .ok_or_else(|| Error::Unauthenticated("Log in first.".into()))
    }

    /// The user, unless the request came with a worker's own token, which may not do `what`.
    pub fn person(&self, what: &str) -> Result<&Actor> {
        let actor = self.actor()?;
        if actor.only_worker.is_some() {
            return Err(Error::forbidden(
                format!("A worker's own token cannot {what}."),
                "Use an API token of your own (prtcli login).",
            ));
        }
        Ok(actor)
    }

    /// The user, if an admin; `what` completes "Only an admin can …".
    pub fn admin(&self, what: &str) -> Result<&Actor> {
        let actor = self.person(what)?;
        match actor.role {
            Role::Admin => Ok(actor),
            Role::User => Err(Error::forbidden(format!("Only an admin can {what}."), "Ask an admin.")),
        }
    }
}

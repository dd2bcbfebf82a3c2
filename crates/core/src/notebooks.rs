//! Notebooks: who gets into which worker's, by a link that works once and a browser that has used it.
//!
//! A notebook is served under a host name of its own, so that code in it cannot act on the console. The console's cookie does not
//! reach there: a link carries a value that is exchanged for a cookie of that host alone.

use std::time::Duration;

use prt_types::{
    Secret,
    audit::Outcome,
    workers::{NotebookLink, WorkerEvent, WorkerStatus},
};
use serde_json::json;

use crate::{
    Orchestrator,
    crypto::{random, token_hash},
    error::{Error, Result},
    op_context::OpContext,
    store::{NotebookLogin, NotebookLoginKind, Worker},
    workers::sees,
};

/// A link is for opening at once.
const LINK_MS: i64 = 60_000;
/// How long a browser stays in.
pub const BROWSER_LIFE: Duration = Duration::from_hours(12);
/// Where a link leads to.
pub const LOGIN_PATH: &str = "/.prt/login";

/// A browser that may look at a worker's notebook.
#[derive(Clone, Debug)]
pub struct NotebookVisit {
    /// The worker.
    pub worker: Worker,
    /// What happened to it, for whoever waits for its start.
    pub events: Vec<WorkerEvent>,
}

/// A link that was used.
#[derive(Clone, Debug)]
pub struct NotebookEntry {
    /// The worker.
    pub worker: Worker,
    /// The cookie's value.
    pub cookie: Secret,
    /// Whether the notebook is to be dark.
    pub dark: bool,
}

impl Orchestrator {
    /// A link into a worker's notebook. Whoever has it first gets in, once, within a minute.
    pub async fn notebook_open(&self, cx: &OpContext, name: &str, dark: bool) -> Result<NotebookLink> {
        let actor = cx.actor()?;
        let mut tx = self.write().await?;
        let worker = self.worker_visible(&mut *tx, cx, name).await?;
        if !may_open(worker.status) {
            return Err(Error::conflict(format!(
                "{name} is {}: it has no notebook to open.",
                worker.status.name()
            )));
        }
        let value = Secret::new(hex::encode(random::<32>()));
        let now = self.now_ms();
        tx.notebook_logins_sweep(now).await?;
        tx.notebook_login_add(&NotebookLogin {
            hash: token_hash(value.expose()),
            kind: NotebookLoginKind::Link,
            worker_id: worker.id,
            user_id: actor.user_id,
            token_id: actor.token,
            dark,
            expires_ms: now + LINK_MS,
        })
        .await?;
        self.audit_add(&mut *tx, cx, "notebook.open", name, Outcome::Done, json!({}))
            .await?;
        tx.save().await?;
        let origin = self.notebook_origin(&worker);
        Ok(NotebookLink {
            url: format!("{origin}{LOGIN_PATH}?token={}", value.expose()),
        })
    }

    /// Exchanges a link's value for a cookie's; `None` = unknown, used, over, or of another worker.
    pub async fn notebook_enter(&self, worker_number: i64, value: &str) -> Result<Option<NotebookEntry>> {
        let now = self.now_ms();
        let mut tx = self.write().await?;
        let link = tx
            .notebook_login_take(&token_hash(value), NotebookLoginKind::Link, now)
            .await?;
        let worker = tx.worker_by_number(worker_number).await?;
        let meant = link.zip(worker).filter(|(link, worker)| link.worker_id == worker.id);
        let Some((link, worker)) = meant else {
            // It is used up all the same: whoever sent it to the wrong place may have shown it around.
            tx.save().await?;
            return Ok(None);
        };
        let cookie = Secret::new(hex::encode(random::<32>()));
        let longest = now + BROWSER_LIFE.as_millis() as i64;
        let token_ends = match link.token_id {
            Some(id) => tx
                .tokens_of(link.user_id)
                .await?
                .into_iter()
                .find(|token| token.id == id),
            None => None,
        }
        .and_then(|token| token.expires_ms);
        tx.notebook_login_add(&NotebookLogin {
            hash: token_hash(cookie.expose()),
            kind: NotebookLoginKind::Browser,
            expires_ms: token_ends.unwrap_or(longest).min(longest),
            ..link.clone()
        })
        .await?;
        tx.save().await?;
        Ok(Some(NotebookEntry {
            worker,
            cookie,
            dark: link.dark,
        }))
    }

    /// The worker behind a cookie's value, if its user may still see it.
    pub async fn notebook_visit(&self, worker_number: i64, cookie: &str) -> Result<Option<NotebookVisit>> {
        let now = self.now_ms();
        let mut tx = self.read().await?;
        let login = tx
            .notebook_login(&token_hash(cookie), NotebookLoginKind::Browser, now)
            .await?;
        let worker = tx.worker_by_number(worker_number).await?;
        let (Some(login), Some(worker)) = (login, worker) else {
            return Ok(None);
        };
        if login.worker_id != worker.id {
            return Ok(None);
        }
        let events = if worker.status == WorkerStatus::Running {
            vec![]
        } else {
            tx.worker_events(worker.id).await?
        };
        drop(tx);
        let actor = self.actor_by_user(login.user_id).await?;
        Ok(actor
            .filter(|actor| sees(actor, &worker))
            .map(|_| NotebookVisit { worker, events }))
    }

    /// Ends all of the asker's visits, as when they log out.
    pub async fn notebook_leave(&self, cx: &OpContext) -> Result<()> {
        let Some(actor) = cx.actor_opt() else { return Ok(()) };
        let mut tx = self.write().await?;
        tx.notebook_logins_of(actor.user_id).await?;
        Ok(tx.save().await?)
    }

    /// `http://worker-12.workers.localhost:8080`.
    pub fn notebook_origin(&self, worker: &Worker) -> String {
        let settings = &self.inner.settings;
        format!(
            "{}://worker-{}.{}",
            settings.protocol(),
            worker.number,
            settings.notebook_host
        )
    }

    /// The token that Jupyter in a worker asks for. The proxy knows it, browsers never do.
    pub fn notebook_token(&self, worker: &Worker) -> Secret {
        Secret::new(self.inner.sealer.derive(&format!("notebook/{}", worker.id)))
    }
}

fn may_open(status: WorkerStatus) -> bool {
    match status {
        WorkerStatus::Provisioning | WorkerStatus::Running => true,
        WorkerStatus::Terminating | WorkerStatus::Terminated | WorkerStatus::Failed => false,
    }
}

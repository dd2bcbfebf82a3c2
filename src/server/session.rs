//! Browser sessions, kept in the console's own database.

use std::sync::Arc;

use async_trait::async_trait;
use prt_core::store::{SessionRow, Store, StoreError};
use prt_core::{Actor, Orchestrator};
use prt_types::ids::UserId;
use time::{Duration, OffsetDateTime};
use tower_sessions::{
    Expiry, Session, SessionManagerLayer, SessionStore,
    cookie::SameSite,
    session::{Id, Record},
    session_store::{Error, Result as StoreResult},
};

/// Where the user's id is in a session.
const USER_ID: &str = "user_id";
/// A session ends after so long without a request.
const IDLE: Duration = Duration::days(7);

/// [`SessionStore`] over the console's [`Store`].
#[derive(Clone)]
pub struct Sessions(Arc<dyn Store>);

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sessions")
    }
}

fn backend(error: StoreError) -> Error {
    Error::Backend(error.to_string())
}

fn row(record: &Record) -> StoreResult<SessionRow> {
    let data = serde_json::to_string(record).map_err(|error| Error::Encode(error.to_string()))?;
    Ok(SessionRow {
        id: record.id.to_string(),
        data,
        expires_ms: ms(record.expiry_date),
    })
}

fn ms(at: OffsetDateTime) -> i64 {
    (at.unix_timestamp_nanos() / 1_000_000) as i64
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> StoreResult<()> {
        loop {
            let mut tx = self.0.write().await.map_err(backend)?;
            if tx.session_add(&row(record)?).await.map_err(backend)? {
                return tx.save().await.map_err(backend);
            }
            record.id = Id::default();
        }
    }

    async fn save(&self, record: &Record) -> StoreResult<()> {
        let mut tx = self.0.write().await.map_err(backend)?;
        tx.session_put(&row(record)?).await.map_err(backend)?;
        tx.save().await.map_err(backend)
    }

    async fn load(&self, id: &Id) -> StoreResult<Option<Record>> {
        let mut tx = self.0.read().await.map_err(backend)?;
        let now = ms(OffsetDateTime::now_utc());
        let Some(row) = tx.session(&id.to_string(), now).await.map_err(backend)? else {
            return Ok(None);
        };
        serde_json::from_str(&row.data)
            .map(Some)
            .map_err(|error| Error::Decode(error.to_string()))
    }

    async fn delete(&self, id: &Id) -> StoreResult<()> {
        let mut tx = self.0.write().await.map_err(backend)?;
        tx.session_remove(&id.to_string()).await.map_err(backend)?;
        tx.save().await.map_err(backend)
    }
}

/// The layer that gives every handler its [`Session`]. Over HTTPS the cookie is bound to this very host.
pub fn layer(orchestrator: &Orchestrator) -> SessionManagerLayer<Sessions> {
    let secure = orchestrator.settings().public_url.starts_with("https:");
    SessionManagerLayer::new(Sessions(orchestrator.store()))
        .with_name(if secure { "__Host-prt_session" } else { "prt_session" })
        .with_secure(secure)
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_path("/")
        .with_expiry(Expiry::OnInactivity(IDLE))
}

/// Makes the session that of `actor`, under a new id.
pub async fn sign_in(session: &Session, actor: &Actor) -> Result<(), tower_sessions::session::Error> {
    session.cycle_id().await?;
    session.insert(USER_ID, actor.user_id).await
}

/// Ends the session.
pub async fn sign_out(session: &Session) -> Result<(), tower_sessions::session::Error> {
    session.flush().await
}

/// The user of a session as it is stored now; none if it has ended.
pub async fn user_of(orchestrator: &Orchestrator, id: &Id) -> StoreResult<Option<UserId>> {
    let Some(record) = Sessions(orchestrator.store()).load(id).await? else {
        return Ok(None);
    };
    let user = record.data.get(USER_ID).cloned().map(serde_json::from_value);
    user.transpose().map_err(|error| Error::Decode(error.to_string()))
}

/// The user of a session.
pub async fn user(session: &Session) -> Result<Option<UserId>, tower_sessions::session::Error> {
    session.get(USER_ID).await
}

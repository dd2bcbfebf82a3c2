//! Browser sessions, kept in the console's own database.

use std::sync::Arc;

use async_trait::async_trait;
use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, header},
    middleware::Next,
    response::Response,
};
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

/// Names of the session's cookie over HTTPS, where browsers bind it to this very host, and over HTTP.
const COOKIES: [&str; 2] = ["__Host-prt_session", "prt_session"];

/// Takes the session out of a request that shows two. The second was put there by another host of the same domain, such as a notebook's,
/// to make the user act as somebody else; which one it is cannot be seen. Over HTTPS browsers let none through.
pub async fn only_one(mut request: Request, next: Next) -> Response {
    if drop_doubled(request.headers_mut()) {
        tracing::warn!(
            path = request.uri().path(),
            "a request shows two sessions; none of them counts"
        );
    }
    next.run(request).await
}

fn drop_doubled(headers: &mut HeaderMap) -> bool {
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs: Vec<(&str, &str)> = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .map(|pair| (pair.split('=').next().unwrap_or_default().trim(), pair.trim()))
        .collect();
    let doubled = |name: &str| COOKIES.contains(&name) && pairs.iter().filter(|(other, _)| *other == name).count() > 1;
    if !pairs.iter().any(|(name, _)| doubled(name)) {
        return false;
    }
    let kept: Vec<&str> = pairs
        .iter()
        .filter(|(name, _)| !doubled(name))
        .map(|(_, pair)| *pair)
        .collect();
    let kept = HeaderValue::try_from(kept.join("; "))
        .ok()
        .filter(|kept| !kept.is_empty());
    headers.remove(header::COOKIE);
    if let Some(kept) = kept {
        headers.insert(header::COOKIE, kept);
    }
    true
}

/// The layer that gives every handler its [`Session`]. Over HTTPS the cookie is bound to this very host.
pub fn layer(orchestrator: &Orchestrator) -> SessionManagerLayer<Sessions> {
    let secure = orchestrator.settings().is_https();
    SessionManagerLayer::new(Sessions(orchestrator.store()))
        .with_name(if secure { COOKIES[0] } else { COOKIES[1] })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_sessions_none_counts() {
        let after = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::COOKIE, line.parse().unwrap());
            }
            let dropped = drop_doubled(&mut headers);
            let left: Vec<_> = headers
                .get_all(header::COOKIE)
                .iter()
                .map(|line| line.to_str().unwrap().to_owned())
                .collect();
            (dropped, left.join(" | "))
        };
        assert_eq!(after(&[]), (false, String::new()));
        let one = "theme=dark; prt_session=a; xprt_session=b";
        assert_eq!(after(&[one]), (false, one.to_owned()));
        assert_eq!(after(&["prt_session=a; prt_session=a"]), (true, String::new()));
        assert_eq!(
            after(&["theme=dark; prt_session=a", "b=1; prt_session=b"]),
            (true, "theme=dark; b=1".to_owned())
        );
        assert_eq!(
            after(&["__Host-prt_session=a; __Host-prt_session; c=d"]),
            (true, "c=d".to_owned())
        );
    }
}

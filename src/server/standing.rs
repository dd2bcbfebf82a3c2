//! Whether somebody who asked a while ago may still ask: for streams that outlive the moment in which their request was allowed.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::request::Parts,
};
use futures::{Stream, StreamExt as _};
use prt_core::{Actor, OpContext, Orchestrator};
use prt_types::Secret;
use tower_sessions::session::Id;

use super::session;

/// How often an open stream asks again.
const EVERY: Duration = Duration::from_secs(8);

/// By what the asker was known.
#[derive(Clone, Debug)]
pub enum Credential {
    /// An API token.
    Token(Secret),
    /// A browser's session.
    Session(Id),
}

/// The asker of a request as it came in.
pub struct Standing {
    orchestrator: Orchestrator,
    known: Option<(Actor, Credential)>,
}

impl<S: Send + Sync> FromRequestParts<S> for Standing
where
    Orchestrator: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let actor = parts
            .extensions
            .get::<OpContext>()
            .and_then(|cx| cx.actor_opt().cloned());
        Ok(Self {
            orchestrator: Orchestrator::from_ref(state),
            known: actor.zip(parts.extensions.get::<Credential>().cloned()),
        })
    }
}

impl Standing {
    /// The stream until the asker's token or session has ended, or role or groups are others than they were. What somebody may see
    /// hangs on these alone: builds and workers keep their owner. Whoever may still ask connects again and gets what is theirs now.
    pub fn confine<T: Stream>(self, stream: T) -> impl Stream<Item = T::Item> {
        stream.take_until(Box::pin(self.lost()))
    }

    async fn lost(self) {
        let Self { orchestrator, known } = self;
        let Some((actor, credential)) = known else { return };
        let mut timer = tokio::time::interval(EVERY);
        timer.tick().await;
        loop {
            timer.tick().await;
            match actor_now(&orchestrator, &credential).await {
                Ok(Some(now)) if now == actor => {}
                Ok(_) => return,
                // A database that does not answer takes nobody's rights away.
                Err(error) => {
                    tracing::warn!(error = &*error, "an open stream's rights cannot be checked");
                }
            }
        }
    }
}

/// The actor as the next request with this credential would have it.
async fn actor_now(
    orchestrator: &Orchestrator,
    credential: &Credential,
) -> Result<Option<Actor>, Box<dyn std::error::Error + Send + Sync>> {
    match credential {
        Credential::Token(value) => Ok(orchestrator.actor_by_token(value.expose()).await?),
        Credential::Session(id) => match session::user_of(orchestrator, id).await? {
            Some(user) => Ok(orchestrator.actor_by_user(user).await?),
            None => Ok(None),
        },
    }
}

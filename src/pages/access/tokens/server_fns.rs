use leptos::prelude::*;
use prt_types::access::TokenView;
use serde::{Deserialize, Serialize};

use super::form::TokenForm;
use crate::error::AppError;

/// A new token, shown this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    pub name: String,
    pub scope: String,
    /// The token; sealed while it waits in the session for the page that shows it.
    pub value: String,
}

/// The viewer's tokens.
#[server(prefix = "/_fn", endpoint = "tokens")]
pub async fn tokens() -> Result<Vec<TokenView>, AppError> {
    use crate::server::{extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    orchestrator
        .token_list(&cx)
        .await
        .map_err(|error| app_error(error, &cx))
}

/// Names of the viewer's own builder workers that live, to which a token can be limited.
#[server(prefix = "/_fn", endpoint = "token_workers")]
pub async fn token_workers() -> Result<Vec<String>, AppError> {
    use crate::server::{extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let wrong = |error| app_error(error, &cx);
    let me = cx.actor().map_err(wrong)?.username.clone();
    let workers = orchestrator.worker_list(&cx, false).await.map_err(wrong)?;
    Ok(workers
        .into_iter()
        .filter(|worker| worker.owner == me && worker.builder)
        .map(|worker| worker.name)
        .collect())
}

/// Makes a token. A browser with WebAssembly gets it as the answer; one without is led to the page that shows it.
#[server(prefix = "/_fn", endpoint = "create_token")]
pub async fn create_token(#[server(default)] input: TokenForm) -> Result<Option<Made>, AppError> {
    use super::LIST;
    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let wrong = |error| app_error(error, &cx);
    let created = match input.input() {
        Ok(input) => orchestrator.token_create(&cx, input).await.map_err(wrong),
        Err(error) => Err(error),
    };
    let page = format!("{LIST}/new");
    match created {
        Ok(created) => {
            let mut made = Made {
                name: created.token.name,
                scope: created.token.scope.words().to_owned(),
                value: created.value.expose().to_owned(),
            };
            if !draft::is_plain_post() {
                return Ok(Some(made));
            }
            made.value = orchestrator.token_seal(&cx, &created.value).map_err(wrong)?;
            draft::keep(MADE, &made).await;
            leptos_axum::redirect(&page);
            Ok(None)
        }
        Err(error) => {
            draft::refuse(DRAFT, &page, &input, &error).await;
            Err(error)
        }
    }
}

/// The token that the last plain POST has made; gone after this one reading.
pub fn made_token() -> Resource<Option<Made>> {
    Resource::new_blocking(
        || (),
        |()| async {
            // As with drafts: it waits only for a page that the server renders.
            if cfg!(feature = "ssr") {
                take_made_token().await.ok().flatten()
            } else {
                None
            }
        },
    )
}

#[server(prefix = "/_fn", endpoint = "take_made_token")]
async fn take_made_token() -> Result<Option<Made>, AppError> {
    use axum::http::{HeaderValue, header};
    use leptos_axum::ResponseOptions;

    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let Some(text) = draft::take(MADE).await else {
        return Ok(None);
    };
    let Ok(mut made) = serde_json::from_str::<Made>(&text) else {
        return Ok(None);
    };
    let value = orchestrator
        .token_unseal(&cx, &made.value)
        .map_err(|error| app_error(error, &cx))?;
    value.expose().clone_into(&mut made.value);
    // No cache may show it a second time.
    if let Some(response) = use_context::<ResponseOptions>() {
        response.insert_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(Some(made))
}

/// Ends a token and leads to the list.
#[server(prefix = "/_fn", endpoint = "revoke_token")]
pub async fn revoke_token(#[server(default)] id: String) -> Result<(), AppError> {
    use super::LIST;
    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let wrong = |error| app_error(error, &cx);
    let result = match id.parse() {
        Ok(id) => orchestrator.token_revoke(&cx, id).await.map_err(wrong),
        Err(_) => Err(wrong(prt_core::Error::not_found("token", &id))),
    };
    let page = format!("{LIST}?token={id}&confirm=revoke");
    draft::finish(REVOKE_DRAFT, &page, &(), result, |()| {
        format!("{LIST}?done=token-revoked")
    })
    .await
}

/// The draft's key of the form for a new token.
pub const DRAFT: &str = "token-new";
/// The same of the question before a token ends.
pub const REVOKE_DRAFT: &str = "token-revoke";
/// The key under which a new token waits.
#[cfg(feature = "ssr")]
const MADE: &str = "token-made";

use leptos::prelude::*;
use prt_types::security_contexts::SecurityContextView;

use super::form::SecurityContextForm;
use crate::error::AppError;

/// Everything that the list shows.
#[server(prefix = "/_fn", endpoint = "security_contexts")]
pub async fn security_contexts() -> Result<Vec<SecurityContextView>, AppError> {
    use crate::server::{extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    orchestrator
        .security_context_list(&cx)
        .await
        .map_err(|error| app_error(error, &cx))
}

/// The security context `name`; none for a new one, if `name` is empty.
#[server(prefix = "/_fn", endpoint = "security_context_editor")]
pub async fn security_context_editor(name: String) -> Result<Option<SecurityContextView>, AppError> {
    use crate::server::{extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let wrong = |error| app_error(error, &cx);
    if name.is_empty() {
        let asked = orchestrator.admin(&cx, "change Security Contexts", "security_context.get");
        return asked.await.map(|_| None).map_err(wrong);
    }
    orchestrator
        .security_context_get(&cx, &name)
        .await
        .map(Some)
        .map_err(wrong)
}

/// Makes a security context (empty `name`) or changes one, and leads to the list.
#[server(prefix = "/_fn", endpoint = "save_security_context")]
pub async fn save_security_context(
    #[server(default)] name: String,
    #[server(default)] input: SecurityContextForm,
) -> Result<(), AppError> {
    use super::LIST;
    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let wrong = |error| app_error(error, &cx);
    let result = match input.input() {
        Err(error) => Err(error),
        Ok(context) if name.is_empty() => orchestrator.security_context_create(&cx, context).await.map_err(wrong),
        Ok(context) => orchestrator
            .security_context_update(&cx, &name, context)
            .await
            .map_err(wrong),
    };
    let (page, done) = if name.is_empty() {
        ("new", "context-added")
    } else {
        (name.as_str(), "context-saved")
    };
    let page = format!("{LIST}/{page}");
    draft::finish(&draft_key(&name), &page, &input, result.map(|_| ()), |()| {
        format!("{LIST}?done={done}")
    })
    .await
}

/// Removes a security context and leads to the list.
#[server(prefix = "/_fn", endpoint = "delete_security_context")]
pub async fn delete_security_context(name: String) -> Result<(), AppError> {
    use super::LIST;
    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let result = orchestrator
        .security_context_delete(&cx, &name)
        .await
        .map_err(|error| app_error(error, &cx));
    let page = format!("{LIST}/{name}?confirm=delete");
    draft::finish(&delete_draft_key(&name), &page, &(), result, |()| {
        format!("{LIST}?done=context-deleted")
    })
    .await
}

/// The draft's key: one form a security context.
pub fn draft_key(name: &str) -> String {
    format!("security-context:{name}")
}

/// The same for the question before a deletion.
pub fn delete_draft_key(name: &str) -> String {
    format!("security-context-delete:{name}")
}

use leptos::prelude::*;
use prt_types::worker_sizes::WorkerSizeDetail;
use serde::{Deserialize, Serialize};

use super::form::WorkerSizeForm;
use crate::{
    error::AppError,
    pages::infrastructure::container_images::{Person, Team},
};

/// Everything that the list shows.
#[server(prefix = "/_fn", endpoint = "worker_sizes")]
pub async fn worker_sizes() -> Result<Vec<WorkerSizeDetail>, AppError> {
    use crate::server::{extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    orchestrator
        .worker_size_list_all(&cx)
        .await
        .map_err(|error| app_error(error, &cx))
}

/// A security context to choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextChoice {
    pub name: String,
    pub level: String,
}

/// Everything that the editor needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Editor {
    /// The size; none for a new one.
    pub size: Option<WorkerSizeDetail>,
    /// The size that a new one is a copy of.
    pub original: Option<WorkerSizeDetail>,
    pub contexts: Vec<ContextChoice>,
    pub people: Vec<Person>,
    pub teams: Vec<Team>,
}

/// The size `id`, or what it takes to make a new one if `id` is empty, as a copy of `from` unless that is empty.
#[server(prefix = "/_fn", endpoint = "worker_size_editor")]
pub async fn worker_size_editor(id: String, from: String) -> Result<Editor, AppError> {
    use crate::{
        pages::infrastructure::container_images::candidates,
        server::{extract, problem::app_error},
    };

    let (orchestrator, cx) = extract::context().await?;
    let wrong = |error| app_error(error, &cx);
    // Asked first, so that who may not edit sizes is told so and not that they cannot list users.
    let asked = orchestrator.admin(&cx, "change Worker Sizes", "worker_size.get");
    asked.await.map_err(wrong)?;
    let find = async |id: String| match id.parse() {
        _ if id.is_empty() => Ok(None),
        Ok(found) => orchestrator.worker_size_get(&cx, found).await.map(Some).map_err(wrong),
        Err(_) => Err(wrong(prt_core::Error::not_found("worker size", &id))),
    };
    let size = find(id).await?;
    let original = find(from).await?;
    let contexts = orchestrator.security_context_list(&cx).await.map_err(wrong)?;
    let (people, teams) = candidates(&orchestrator, &cx).await.map_err(wrong)?;
    Ok(Editor {
        size,
        original,
        contexts: contexts
            .into_iter()
            .map(|context| ContextChoice {
                level: context.primary.level.name().to_owned(),
                name: context.name,
            })
            .collect(),
        people,
        teams,
    })
}

/// Adds a size (empty `id`) or changes one, and leads to the list.
#[server(prefix = "/_fn", endpoint = "save_worker_size")]
pub async fn save_worker_size(
    #[server(default)] id: String,
    #[server(default)] input: WorkerSizeForm,
) -> Result<(), AppError> {
    use super::LIST;
    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let wrong = |error| app_error(error, &cx);
    let result = match (input.input(), id.parse()) {
        (Err(error), _) => Err(error),
        (Ok(size), Ok(id)) => orchestrator.worker_size_update(&cx, id, size).await.map_err(wrong),
        (Ok(size), Err(_)) if id.is_empty() => orchestrator.worker_size_create(&cx, size).await.map_err(wrong),
        (Ok(_), Err(_)) => Err(wrong(prt_core::Error::not_found("worker size", &id))),
    };
    let (page, done) = if id.is_empty() {
        ("new", "size-added")
    } else {
        (id.as_str(), "size-saved")
    };
    let page = format!("{LIST}/{page}");
    draft::finish(&draft_key(&id), &page, &input, result.map(|_| ()), |()| {
        format!("{LIST}?done={done}")
    })
    .await
}

/// Removes a size and leads to the list.
#[server(prefix = "/_fn", endpoint = "delete_worker_size")]
pub async fn delete_worker_size(id: String) -> Result<(), AppError> {
    use super::LIST;
    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let wrong = |error| app_error(error, &cx);
    let result = match id.parse() {
        Ok(id) => orchestrator.worker_size_delete(&cx, id).await.map_err(wrong),
        Err(_) => Err(wrong(prt_core::Error::not_found("worker size", &id))),
    };
    let page = format!("{LIST}/{id}?confirm=delete");
    draft::finish(&delete_draft_key(&id), &page, &(), result, |()| {
        format!("{LIST}?done=size-deleted")
    })
    .await
}

/// The draft's key: one form a size.
pub fn draft_key(id: &str) -> String {
    format!("worker-size:{id}")
}

/// The same for the question before a deletion.
pub fn delete_draft_key(id: &str) -> String {
    format!("worker-size-delete:{id}")
}

use leptos::prelude::*;
use prt_types::unknown_workers::UnknownWorkerView;
use serde::{Deserialize, Serialize};

use crate::error::AppError;

/// The page, for the server.
#[cfg(feature = "ssr")]
const LIST: &str = "/workers/unknown";
/// Keys of the forms' drafts.
pub const ADOPT: &str = "unknown-worker-adopt";
pub const REMOVE: &str = "unknown-worker-remove";

/// The workers, and who can own them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownWorkers {
    pub workers: Vec<UnknownWorkerView>,
    pub users: Vec<String>,
}

/// A form that adopts one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AdoptForm {
    pub id: String,
    pub owner: String,
}

/// Workers that the engine has and the database does not know.
#[server(prefix = "/_fn", endpoint = "unknown_workers")]
pub async fn list_unknown_workers() -> Result<UnknownWorkers, AppError> {
    use crate::server::{extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let failed = |error| app_error(error, &cx);
    let workers = orchestrator.unknown_workers(&cx).await.map_err(failed)?;
    let users = orchestrator.user_list(&cx).await.map_err(failed)?;
    let users = users.into_iter().map(|user| user.username).collect();
    Ok(UnknownWorkers { workers, users })
}

/// Makes a record for a worker again and leads to it.
#[server(prefix = "/_fn", endpoint = "adopt_worker")]
pub async fn adopt_worker(input: AdoptForm) -> Result<(), AppError> {
    use prt_types::unknown_workers::AdoptRequest;

    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let failed = |error| app_error(error, &cx);
    let owner = input.owner.trim();
    let request = AdoptRequest {
        owner: (!owner.is_empty()).then(|| owner.to_owned()),
    };
    let result = match input.id.parse() {
        Ok(id) => orchestrator
            .unknown_worker_adopt(&cx, id, request)
            .await
            .map_err(failed),
        Err(_) => Err(failed(prt_core::Error::not_found("unknown worker", &input.id))),
    };
    let page = format!("{LIST}?worker={}&confirm=adopt", input.id);
    draft::finish(ADOPT, &page, &input, result, |worker| {
        format!("/workers/{}?done=worker-adopted", worker.name)
    })
    .await
    .map(drop)
}

/// Removes the containers and volumes of a worker.
#[server(prefix = "/_fn", endpoint = "remove_unknown_worker")]
pub async fn remove_unknown_worker(#[server(default)] id: String) -> Result<(), AppError> {
    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let failed = |error| app_error(error, &cx);
    let result = match id.parse() {
        Ok(id) => orchestrator.unknown_worker_remove(&cx, id).await.map_err(failed),
        Err(_) => Err(failed(prt_core::Error::not_found("unknown worker", &id))),
    };
    let page = format!("{LIST}?worker={id}&confirm=remove");
    draft::finish(REMOVE, &page, &(), result, |()| format!("{LIST}?done=worker-removed")).await
}

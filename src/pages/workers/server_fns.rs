use leptos::prelude::*;
use prt_types::{
    builds::BuildView,
    container_images::{ImageCheck, ImageChoice},
    named_secrets::NamedSecretView,
    worker_sizes::WorkerSizeView,
    workers::{ContainerRole, WorkerView},
};
use serde::{Deserialize, Serialize};

use super::form::WorkerForm;
use crate::error::AppError;

/// What there is to choose from in the form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choices {
    pub images: Vec<ImageChoice>,
    pub sizes: Vec<WorkerSizeView>,
    pub secrets: Vec<NamedSecretView>,
}

/// The list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerList {
    pub workers: Vec<WorkerView>,
    /// Other people's workers are among them, or could be.
    pub owners: bool,
    /// Workers that the engine has and the database does not know; for admins.
    pub unknown: usize,
}

/// A worker with its latest builds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerDetail {
    pub worker: WorkerView,
    pub builds: Vec<BuildView>,
    /// Other people's builds are among them, or could be.
    pub owners: bool,
}

/// A refused request to end a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TerminateForm {
    pub name: String,
    pub stop_reason: String,
}

/// The workers that the viewer may see.
#[server(prefix = "/_fn", endpoint = "workers")]
pub async fn list_workers(all: bool) -> Result<WorkerList, AppError> {
    use prt_types::access::Role;

    use crate::server::{extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let workers = orchestrator
        .worker_list(&cx, all)
        .await
        .map_err(|error| app_error(error, &cx))?;
    Ok(WorkerList {
        workers,
        owners: cx.actor_opt().is_some_and(|actor| actor.role == Role::Admin),
        unknown: orchestrator.unknown_worker_count(&cx),
    })
}

/// One worker.
#[server(prefix = "/_fn", endpoint = "worker")]
pub async fn get_worker(name: String) -> Result<WorkerDetail, AppError> {
    use prt_core::builds::BuildQuery;
    use prt_types::access::Role;

    use crate::server::{extract, problem::app_error};

    const BUILDS: i64 = 10;
    let (orchestrator, cx) = extract::context().await?;
    let worker = orchestrator
        .worker_get(&cx, &name)
        .await
        .map_err(|error| app_error(error, &cx))?;
    let builds = if worker.builder {
        let query = BuildQuery {
            worker: Some(name),
            limit: BUILDS,
            ..BuildQuery::default()
        };
        orchestrator
            .build_list(&cx, query)
            .await
            .map_err(|error| app_error(error, &cx))?
    } else {
        Vec::new()
    };
    let owners = cx.actor_opt().is_some_and(|actor| actor.role == Role::Admin);
    Ok(WorkerDetail { worker, builds, owners })
}

/// Images, sizes and secrets that the viewer may use.
#[server(prefix = "/_fn", endpoint = "worker_choices")]
pub async fn worker_choices() -> Result<Choices, AppError> {
    use crate::server::{extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let images = orchestrator
        .image_choices(&cx)
        .await
        .map_err(|error| app_error(error, &cx))?;
    let sizes = orchestrator
        .worker_size_list(&cx)
        .await
        .map_err(|error| app_error(error, &cx))?;
    let mut secrets = orchestrator
        .secret_list(&cx)
        .await
        .map_err(|error| app_error(error, &cx))?;
    secrets.retain(|secret| secret.usable);
    Ok(Choices { images, sizes, secrets })
}

/// What an image name means, and whether the viewer may run it.
#[server(prefix = "/_fn", endpoint = "image_check")]
pub async fn check_image(image: String) -> Result<ImageCheck, AppError> {
    use crate::server::{extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    orchestrator
        .image_check(&cx, &image)
        .await
        .map_err(|error| app_error(error, &cx))
}

/// The end of a container's own output.
#[server(prefix = "/_fn", endpoint = "worker_log")]
pub async fn worker_log(name: String, container: ContainerRole) -> Result<String, AppError> {
    use crate::server::{extract, problem::app_error};

    const TAIL: usize = 64 * 1024;
    let (orchestrator, cx) = extract::context().await?;
    orchestrator
        .worker_logs(&cx, &name, container, TAIL)
        .await
        .map_err(|error| app_error(error, &cx))
}

/// Starts a worker and leads to it; it goes on starting while its page shows how.
#[server(prefix = "/_fn", endpoint = "create_worker")]
pub async fn create_worker(#[server(default)] input: WorkerForm) -> Result<WorkerView, AppError> {
    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let kept = input.clone().without_secrets();
    let result = match input.into_config() {
        Ok(config) => orchestrator
            .worker_create(&cx, config)
            .await
            .map_err(|error| app_error(error, &cx)),
        Err(error) => Err(error),
    };
    draft::finish("worker-new", "/workers/new", &kept, result, |worker| {
        format!("/workers/{}?done=worker-created", worker.name)
    })
    .await
}

/// Ends a worker.
#[server(prefix = "/_fn", endpoint = "terminate_worker")]
pub async fn terminate_worker(input: TerminateForm) -> Result<(), AppError> {
    use prt_types::workers::TerminateRequest;

    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let reason = input.stop_reason.trim();
    let request = TerminateRequest {
        stop_reason: (!reason.is_empty()).then(|| reason.to_owned()),
    };
    let result = orchestrator
        .worker_terminate(&cx, &input.name, request)
        .await
        .map(drop)
        .map_err(|error| app_error(error, &cx));
    let page = format!("/workers/{}", input.name);
    let refused = format!("{page}?confirm=terminate");
    draft::finish("worker-terminate", &refused, &input, result, |()| {
        format!("{page}?done=worker-terminated")
    })
    .await
}

/// Leads into a worker's notebook, which is as dark as the console.
#[server(prefix = "/_fn", endpoint = "open_notebook")]
pub async fn open_notebook(worker: String) -> Result<(), AppError> {
    use axum::http::{HeaderMap, header};

    use crate::server::{extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let headers = leptos_axum::extract::<HeaderMap>().await.unwrap_or_default();
    let cookies = headers
        .get(header::COOKIE)
        .and_then(|cookies| cookies.to_str().ok())
        .unwrap_or_default();
    let dark = !cookies.split(';').any(|cookie| cookie.trim() == "theme=light");
    let link = orchestrator
        .notebook_open(&cx, &worker, dark)
        .await
        .map_err(|error| app_error(error, &cx))?;
    leptos_axum::redirect(&link.url);
    Ok(())
}

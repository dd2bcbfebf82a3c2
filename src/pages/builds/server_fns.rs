use leptos::{
    prelude::*,
    server_fn::codec::{MultipartData, MultipartFormData},
};
use prt_types::{
    builds::{BuildStatus, BuildView},
    workers::WorkerView,
};
use serde::{Deserialize, Serialize};

use super::form::RerunForm;
use crate::{components::log_view::model::LogModel, error::AppError};

/// A page of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildPageOf {
    pub builds: Vec<BuildView>,
    /// Names for the filter.
    pub workers: Vec<String>,
    /// There are older ones.
    pub more: bool,
    /// Other people's builds are among them, or could be.
    pub owners: bool,
}

/// Which builds to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    pub worker: Option<String>,
    pub status: Option<BuildStatus>,
    pub before: Option<i64>,
}

/// A build with its log so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildDetail {
    pub build: BuildView,
    pub log: LogModel,
}

/// A file in a worker's build folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderFile {
    pub path: String,
    pub size: u64,
}

/// What is in a worker's build folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folder {
    pub worker: String,
    pub dockerfile: Option<String>,
    pub files: Vec<FolderFile>,
}

/// What the form of a new build needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewBuild {
    /// Running workers with a builder.
    pub workers: Vec<WorkerView>,
    pub folder: Option<Folder>,
}

/// Builds, the latest first. An empty filter leaves nothing in the request, hence the default.
#[server(prefix = "/_fn", endpoint = "builds")]
pub async fn list_builds(#[server(default)] filter: Filter) -> Result<BuildPageOf, AppError> {
    use prt_core::builds::BuildQuery;
    use prt_types::access::Role;

    use crate::server::{extract, problem::app_error};

    const PAGE: i64 = 50;
    let (orchestrator, cx) = extract::context().await?;
    let query = BuildQuery {
        worker: filter.worker.clone(),
        status: filter.status,
        before: filter.before,
        limit: PAGE + 1,
    };
    let mut builds = orchestrator
        .build_list(&cx, query)
        .await
        .map_err(|error| app_error(error, &cx))?;
    let more = builds.len() > PAGE as usize;
    builds.truncate(PAGE as usize);
    let workers = orchestrator
        .worker_list(&cx, false)
        .await
        .map_err(|error| app_error(error, &cx))?;
    let mut workers: Vec<String> = workers
        .into_iter()
        .filter(|worker| worker.builder)
        .map(|worker| worker.name)
        .collect();
    // The one filtered by is in the list even when it has ended.
    workers.extend(filter.worker.filter(|name| !workers.contains(name)));
    Ok(BuildPageOf {
        builds,
        workers,
        more,
        owners: cx.actor_opt().is_some_and(|actor| actor.role == Role::Admin),
    })
}

/// One build without its log.
#[server(prefix = "/_fn", endpoint = "build")]
pub async fn get_build(number: i64) -> Result<BuildView, AppError> {
    use crate::server::{extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    orchestrator
        .build_get(&cx, number)
        .await
        .map_err(|error| app_error(error, &cx))
}

/// One build with the latest lines of its log, or with those before a line, or with those of a step.
#[server(prefix = "/_fn", endpoint = "build_detail")]
pub async fn load_build(number: i64, step: Option<u32>, before: Option<u64>) -> Result<BuildDetail, AppError> {
    use prt_types::build_events::BuildEvent;

    use crate::{
        components::log_view::model::{Merge, View},
        server::{extract, problem::app_error},
    };

    /// Rows in the page as the server sends it.
    const ROWS: usize = 2000;
    const CHUNK: usize = 5000;
    let (orchestrator, cx) = extract::context().await?;
    let build = orchestrator
        .build_get(&cx, number)
        .await
        .map_err(|error| app_error(error, &cx))?;
    let view = View {
        step,
        before,
        cap: ROWS,
    };
    if build.log_deleted_ms.is_some() {
        let mut log = LogModel::new(view);
        log.end = Some(prt_types::build_events::BuildEnd {
            status: build.status,
            reason: build.reason,
            message: build.message.clone(),
            step: build.step.clone(),
            digest: build.digest.clone(),
        });
        return Ok(BuildDetail { build, log });
    }
    if step.is_none() {
        let failed = |error| app_error(error, &cx);
        let outline = orchestrator.build_outline(&cx, number).await.map_err(failed)?;
        let (mut lines, all) = (vec![], build.lines.max(0) as u64);
        let last = before.map_or(all, |before| all.min(before.saturating_sub(1)));
        let mut next = (last + 1).saturating_sub(ROWS as u64).max(1);
        while next <= last {
            let limit = (last - next + 1) as usize;
            let more = orchestrator
                .build_lines(&cx, number, next, limit)
                .await
                .map_err(failed)?;
            match more.last().map(|record| &record.event) {
                Some(BuildEvent::Log(line)) => next = line.line + 1,
                _ => break,
            }
            lines.extend(more);
        }
        let log = LogModel::of_parts(view, outline, lines, build.last_seq, all);
        return Ok(BuildDetail { build, log });
    }
    let mut log = LogModel::new(view);
    // Up to what was there at the beginning: the browser follows from there.
    while log.last_seq < build.last_seq {
        let records = orchestrator
            .build_records(&cx, number, log.last_seq, CHUNK)
            .await
            .map_err(|error| app_error(error, &cx))?;
        let mut folded = false;
        for record in records {
            folded |= log.apply(record) == Merge::Applied;
        }
        if !folded {
            break;
        }
    }
    log.trim();
    Ok(BuildDetail { build, log })
}

/// Keeps a build and its log for ever, or no longer.
#[server(prefix = "/_fn", endpoint = "pin_build")]
pub async fn pin_build(number: i64, #[server(default)] pinned: bool) -> Result<(), AppError> {
    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let result = orchestrator
        .build_pin(&cx, number, pinned)
        .await
        .map_err(|error| app_error(error, &cx));
    let done = if pinned { "build-pinned" } else { "build-unpinned" };
    draft::finish("build-pin", &format!("/builds/{number}"), &number, result, |_| {
        format!("/builds/{number}?done={done}")
    })
    .await
    .map(drop)
}

/// Workers to build in, and the build folder of the one that is asked for, or of the only one.
#[server(prefix = "/_fn", endpoint = "build_form")]
pub async fn load_form(worker: Option<String>) -> Result<NewBuild, AppError> {
    use prt_types::workers::WorkerStatus;

    use crate::server::{build_upload, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let mut workers = orchestrator
        .worker_list(&cx, false)
        .await
        .map_err(|error| app_error(error, &cx))?;
    workers.retain(|worker| worker.builder && worker.status == WorkerStatus::Running);
    let chosen = worker
        .filter(|name| workers.iter().any(|known| known.name == *name))
        .or_else(|| Some(workers.first()?.name.clone()));
    let folder = match chosen {
        // A folder that cannot be read now does not keep anybody from the form.
        Some(worker) => build_upload::folder(&orchestrator, &cx, worker).await.ok(),
        None => None,
    };
    Ok(NewBuild { workers, folder })
}

/// What is in a worker's build folder.
#[server(prefix = "/_fn", endpoint = "build_folder")]
pub async fn load_folder(worker: String) -> Result<Folder, AppError> {
    use crate::server::{build_upload, extract};

    let (orchestrator, cx) = extract::context().await?;
    build_upload::folder(&orchestrator, &cx, worker).await
}

/// Puts the files and the Dockerfile into the worker's build folder and starts the build. Gives its number.
#[server(prefix = "/_fn", endpoint = "start_build", input = MultipartFormData)]
pub async fn start_build(data: MultipartData) -> Result<i64, AppError> {
    use leptos_router::location::Url;
    use prt_types::ErrorCode;

    use crate::server::{build_upload, draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let Some(data) = data.into_inner() else {
        return Err(AppError::new(ErrorCode::InvalidInput, "The form has no content."));
    };
    let (form, uploaded) = build_upload::receive(&orchestrator, &cx, data).await;
    let page = format!("/builds/new?worker={}", Url::escape(&form.worker));
    let kept = form.clone().without_secrets();
    let result = match uploaded.and_then(|()| form.into_request()) {
        Ok(request) => orchestrator
            .build_create(&cx, request)
            .await
            .map(|build| build.number)
            .map_err(|error| app_error(error, &cx)),
        Err(error) => Err(error),
    };
    draft::finish("build-new", &page, &kept, result, |number| {
        format!("/builds/{number}?done=build-started")
    })
    .await
}

/// Stops a build.
#[server(prefix = "/_fn", endpoint = "cancel_build")]
pub async fn cancel_build(number: i64) -> Result<(), AppError> {
    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let result = orchestrator
        .build_cancel(&cx, number)
        .await
        .map(drop)
        .map_err(|error| app_error(error, &cx));
    let page = format!("/builds/{number}");
    draft::finish(
        "build-cancel",
        &format!("{page}?confirm=cancel"),
        &number,
        result,
        |()| format!("{page}?done=build-canceled"),
    )
    .await
}

/// Runs a build's inputs again.
#[server(prefix = "/_fn", endpoint = "rerun_build")]
pub async fn rerun_build(input: RerunForm) -> Result<i64, AppError> {
    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let number = input.number;
    let kept = input.clone().without_secrets();
    let result = orchestrator
        .build_rerun(&cx, number, input.into_request())
        .await
        .map(|build| build.number)
        .map_err(|error| app_error(error, &cx));
    let page = format!("/builds/{number}?confirm=rerun");
    draft::finish("build-rerun", &page, &kept, result, |number| {
        format!("/builds/{number}?done=build-started")
    })
    .await
}

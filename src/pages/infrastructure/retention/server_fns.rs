use leptos::prelude::*;
use prt_types::retention::RetentionView;

use crate::error::AppError;

/// The page, for the server.
#[cfg(feature = "ssr")]
const PAGE: &str = "/infrastructure/retention";
/// Key of the form's draft.
pub const RUN: &str = "retention-run";

/// The rules, what is stored, and what would go.
#[server(prefix = "/_fn", endpoint = "retention")]
pub async fn retention() -> Result<RetentionView, AppError> {
    use crate::server::{extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    orchestrator
        .retention_get(&cx)
        .await
        .map_err(|error| app_error(error, &cx))
}

/// Deletes what is older than its rule.
#[server(prefix = "/_fn", endpoint = "run_retention")]
pub async fn run_retention() -> Result<(), AppError> {
    use prt_types::retention::RetentionRequest;

    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let result = orchestrator
        .retention_run(&cx, RetentionRequest::default())
        .await
        .map_err(|error| app_error(error, &cx));
    let refused = format!("{PAGE}?confirm=run");
    draft::finish(RUN, &refused, &(), result, |_| format!("{PAGE}?done=retention-ran"))
        .await
        .map(drop)
}

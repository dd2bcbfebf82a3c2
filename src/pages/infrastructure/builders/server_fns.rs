use leptos::prelude::*;
use prt_types::builders::BuildersView;

use crate::error::AppError;

/// The page, for the server.
#[cfg(feature = "ssr")]
const LIST: &str = "/infrastructure/builders";
/// Key of the form's draft.
pub const CHECK: &str = "builders-check";

/// Images and the last check of the host.
#[server(prefix = "/_fn", endpoint = "builders")]
pub async fn builders() -> Result<BuildersView, AppError> {
    use crate::server::{extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    orchestrator
        .builders_get(&cx)
        .await
        .map_err(|error| app_error(error, &cx))
}

/// Checks the host; takes a few seconds.
#[server(prefix = "/_fn", endpoint = "check_host")]
pub async fn check_host() -> Result<(), AppError> {
    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let result = orchestrator
        .builders_preflight(&cx)
        .await
        .map_err(|error| app_error(error, &cx));
    draft::finish(CHECK, LIST, &(), result, |_| format!("{LIST}?done=host-checked"))
        .await
        .map(drop)
}

use leptos::prelude::*;
use prt_types::builders::BuilderCache;

use crate::error::AppError;

/// Key of the form's draft.
pub const CACHE: &str = "worker-cache-prune";

/// Empties it; what is left.
#[server(prefix = "/_fn", endpoint = "prune_cache")]
pub async fn prune_cache(worker: String) -> Result<BuilderCache, AppError> {
    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let result = orchestrator
        .worker_cache_prune(&cx, &worker)
        .await
        .map(|pruned| pruned.left)
        .map_err(|error| app_error(error, &cx));
    let page = format!("/workers/{worker}/build-config");
    draft::finish(CACHE, &format!("{page}?confirm=prune"), &(), result, |_| {
        format!("{page}?done=cache-emptied")
    })
    .await
}

use leptos::prelude::*;
use prt_types::{
    build_config::{BuildConfigLint, BuildConfigView},
    builders::BuilderCache,
    certificates::WorkerCertificates,
};
use serde::{Deserialize, Serialize};

use crate::error::AppError;

/// The forms as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BuildConfigForm {
    pub worker: String,
    /// Which of the forms: the list, or the whole text.
    pub full: bool,
    pub insecure_registries: String,
    pub config_content: String,
    /// Fail if a build runs; of the list's form,
    pub refuse: bool,
    /// and of the whole text's: controls of one page have names of their own.
    pub refuse_full: bool,
}

/// A request to go back to the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResetForm {
    pub worker: String,
    /// Fail if a build runs.
    pub refuse_reset: bool,
}

/// The draft of a worker's form.
pub fn draft_key(worker: &str, full: bool) -> String {
    format!("build-config-{}:{worker}", if full { "full" } else { "simple" })
}

/// What a worker's build service runs with.
#[server(prefix = "/_fn", endpoint = "build_config")]
pub async fn get_build_config(worker: String) -> Result<BuildConfigView, AppError> {
    use crate::server::{extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    orchestrator
        .build_config_get(&cx, &worker)
        .await
        .map_err(|error| app_error(error, &cx))
}

/// Everything about a worker's build service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildService {
    pub config: BuildConfigView,
    /// The private certificates that the builder was started with.
    pub certificates: Option<WorkerCertificates>,
    /// None of a builder that does not answer.
    pub cache: Option<BuilderCache>,
}

/// A worker's build service with its certificates and its cache.
#[server(prefix = "/_fn", endpoint = "build_service")]
pub async fn get_build_service(worker: String) -> Result<BuildService, AppError> {
    use crate::server::{extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let wrong = |error| app_error(error, &cx);
    let config = orchestrator.build_config_get(&cx, &worker).await.map_err(wrong)?;
    let view = orchestrator.worker_get(&cx, &worker).await.map_err(wrong)?;
    Ok(BuildService {
        config,
        certificates: view.certificates,
        cache: orchestrator.worker_cache(&cx, &worker).await.ok(),
    })
}

/// What is to be said of a text.
#[server(prefix = "/_fn", endpoint = "lint_build_config")]
pub async fn lint_build_config(worker: String, text: String) -> Result<BuildConfigLint, AppError> {
    use crate::server::{extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    orchestrator
        .build_config_lint(&cx, &worker, &text)
        .await
        .map_err(|error| app_error(error, &cx))
}

/// Applies a configuration, or leaves it to be applied when the running build has ended.
#[server(prefix = "/_fn", endpoint = "apply_build_config")]
pub async fn apply_build_config(input: BuildConfigForm) -> Result<BuildConfigView, AppError> {
    use prt_types::build_config::{BuildConfigInput, WhenBusy};

    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    // Browsers send line ends as CR LF.
    let text = input.config_content.replace("\r\n", "\n");
    let list = input.insecure_registries.split([',', '\n', ' ']).map(str::trim);
    let list: Vec<String> = list.filter(|host| !host.is_empty()).map(str::to_owned).collect();
    let request = BuildConfigInput {
        insecure_registries: (!input.full || !list.is_empty()).then_some(list),
        config_content: input.full.then_some(text),
        when_busy: if input.refuse || input.refuse_full {
            WhenBusy::Refuse
        } else {
            WhenBusy::Wait
        },
    };
    let result = orchestrator
        .build_config_update(&cx, &input.worker, request)
        .await
        .map_err(|error| app_error(error, &cx));
    let page = format!("/workers/{}/build-config", input.worker);
    let key = draft_key(&input.worker, input.full);
    let field = if input.full {
        "config_content"
    } else {
        "insecure_registries"
    };
    draft::finish(
        &key,
        &page,
        &input,
        result.and_then(|view| worked(view, field)),
        |view| format!("{page}?done={}", done(view)),
    )
    .await
}

/// Goes back to what the builder started with.
#[server(prefix = "/_fn", endpoint = "reset_build_config")]
pub async fn reset_build_config(input: ResetForm) -> Result<BuildConfigView, AppError> {
    use prt_types::build_config::WhenBusy;

    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let when_busy = if input.refuse_reset {
        WhenBusy::Refuse
    } else {
        WhenBusy::Wait
    };
    let result = orchestrator
        .build_config_reset(&cx, &input.worker, when_busy)
        .await
        .map_err(|error| app_error(error, &cx));
    let page = format!("/workers/{}/build-config", input.worker);
    let refused = format!("{page}?confirm=reset");
    draft::finish(
        "build-config-reset",
        &refused,
        &input,
        result.and_then(|view| worked(view, "")),
        |view| format!("{page}?done={}", done(view)),
    )
    .await
}

/// A configuration that the builder did not take is a refusal of the form, so that what was typed stays in it.
#[cfg(feature = "ssr")]
fn worked(view: BuildConfigView, field: &str) -> Result<BuildConfigView, AppError> {
    use prt_types::{ErrorCode, FieldError, build_config::BuildConfigState};

    if view.state != BuildConfigState::Failed {
        return Ok(view);
    }
    let mut error = AppError::new(ErrorCode::InvalidInput, view.message.clone());
    if !field.is_empty() {
        error.0.fields.push(FieldError {
            field: field.to_owned(),
            message: view.message,
        });
    }
    Err(error)
}

#[cfg(feature = "ssr")]
fn done(view: &BuildConfigView) -> &'static str {
    if view.state.is_changing() {
        "config-waits"
    } else {
        "config-applied"
    }
}

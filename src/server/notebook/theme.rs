//! JupyterLab's theme, which follows the link. Whoever has chosen a theme that is neither its light nor its dark one keeps it.

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::header,
};
use prt_core::{Orchestrator, store::Worker};
use serde_json::{Map, Value, json};

use super::proxy::{Error, Proxy};

/// JupyterLab's own name for where its theme is kept.
const SETTINGS: &str = "/lab/api/settings/@jupyterlab/apputils-extension:themes";
const LIGHT: &str = "JupyterLab Light";
const DARK: &str = "JupyterLab Dark";
/// More than any settings with their schema.
const SETTINGS_MAX: usize = 1024 * 1024;
/// The theme is worth a moment, not a wait.
const PATIENCE: Duration = Duration::from_secs(2);

/// Makes a notebook dark or light. One that has no such setting stays as it is.
pub async fn set(proxy: &Proxy, orchestrator: &Orchestrator, worker: &Worker, dark: bool) {
    let done = async {
        let kept = ask(proxy, orchestrator, worker, "GET", Body::empty()).await?;
        let kept: Value = serde_json::from_slice(&kept)?;
        if let Some(settings) = changed(&kept, dark) {
            // `raw` is the user's file as text.
            let file = json!({ "raw": Value::Object(settings).to_string() });
            ask(proxy, orchestrator, worker, "PUT", Body::from(file.to_string())).await?;
        }
        Ok::<_, Error>(())
    };
    if let Ok(Err(error)) = tokio::time::timeout(PATIENCE, done).await {
        tracing::debug!(worker.name = worker.name(), %error, "the notebook's theme is not set");
    }
}

/// The user's settings with the theme that is wanted; `None` = they stay.
fn changed(kept: &Value, dark: bool) -> Option<Map<String, Value>> {
    let mut settings = kept.get("settings")?.as_object()?.clone();
    let follows_the_system = settings.get("adaptive-theme").and_then(Value::as_bool) == Some(true);
    let theme = settings.get("theme").and_then(Value::as_str).unwrap_or(LIGHT);
    let (from, to) = if dark { (LIGHT, DARK) } else { (DARK, LIGHT) };
    if follows_the_system || theme != from {
        return None;
    }
    settings.insert("theme".into(), to.into());
    Some(settings)
}

async fn ask(
    proxy: &Proxy,
    orchestrator: &Orchestrator,
    worker: &Worker,
    method: &str,
    body: Body,
) -> Result<Vec<u8>, Error> {
    let request = Request::builder()
        .method(method)
        .uri(SETTINGS)
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json")
        .body(body)?;
    let response = proxy.ask(orchestrator, worker, request).await?;
    let status = response.status();
    let body = to_bytes(Body::new(response.into_body()), SETTINGS_MAX).await?;
    if status.is_success() {
        Ok(body.to_vec())
    } else {
        Err(format!("{status} for {method}").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_own_themes_are_exchanged() {
        let after = |settings: Value, dark| changed(&json!({ "settings": settings }), dark).map(Value::Object);
        assert_eq!(after(json!({}), true), Some(json!({ "theme": DARK })));
        assert_eq!(after(json!({}), false), None);
        assert_eq!(after(json!({ "theme": DARK }), true), None);
        assert_eq!(
            after(json!({ "theme": DARK, "theme-scrollbars": true }), false),
            Some(json!({ "theme": LIGHT, "theme-scrollbars": true }))
        );
        for dark in [true, false] {
            assert_eq!(after(json!({ "theme": "Solarized" }), dark), None);
            assert_eq!(after(json!({ "theme": LIGHT, "adaptive-theme": true }), dark), None);
        }
        assert_eq!(changed(&json!({ "message": "Not found" }), true), None);
    }
}

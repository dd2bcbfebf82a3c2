//! Forms that work as a plain POST, and better with WebAssembly.
//!
//! With WebAssembly the action's `Err` fills the field errors in place and the inputs keep what was typed. Without it the
//! server function keeps the refused values and the error in the session (`server::draft`), redirects back, and the page that
//! is then rendered takes them out again with [`form_state`]. See `docs/adding-a-page.md`.

use leptos::prelude::*;
use prt_types::ApiError;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::error::AppError;

/// What a refused plain POST left behind: the typed values without secrets, and why it was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft<T> {
    /// The form as it was typed.
    pub values: T,
    /// The refusal.
    pub error: ApiError,
}

/// Which revision an editor has seen; `None` asks to overwrite what somebody else saved meanwhile. One that is no number was never shown to
/// anybody, so it counts as an old one.
pub fn seen_revision(revision: &str, overwrite: bool) -> Option<i64> {
    (!overwrite).then(|| revision.parse().unwrap_or(0))
}

/// The draft of form `key`, if its last plain POST was refused; gone after this one reading.
///
/// Await it inside `Suspense` beside the page's data and hand `draft.error` to `Form`:
/// ```text
/// let draft = form_state::<WorkerForm>("worker-new");
/// Suspend::new(async move {
///     let draft = draft.await;
///     let error = draft.as_ref().map(|draft| draft.error.clone());
///     let values = draft.map(|draft| draft.values).unwrap_or_default();
/// ```
pub fn form_state<T>(key: impl Into<String>) -> Resource<Option<Draft<T>>>
where
    T: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static,
{
    let key = key.into();
    Resource::new_blocking(
        || (),
        move |()| {
            let key = key.clone();
            async move {
                // A draft exists only for a page that the server renders: a navigation within the browser asks nobody.
                if !cfg!(feature = "ssr") {
                    return None;
                }
                let text = take_draft(key).await.ok()??;
                serde_json::from_str(&text).ok()
            }
        },
    )
}

/// The stored draft as JSON. Server functions cannot be generic, so the type comes in on the reading side.
#[server(prefix = "/_fn", endpoint = "take_draft")]
async fn take_draft(key: String) -> Result<Option<String>, AppError> {
    Ok(crate::server::draft::take(&key).await)
}

/// A form control's `name` for a field of the request: `input` + `image_config.builder` -> `input[image_config][builder]`.
pub fn control_name(prefix: &str, path: &str) -> String {
    if prefix.is_empty() {
        return path.to_owned();
    }
    path.split('.')
        .fold(prefix.to_owned(), |name, part| format!("{name}[{part}]"))
}

/// A form control's `id` for a field of the request.
pub fn control_id(path: &str) -> String {
    format!("f-{}", path.replace(|c: char| !c.is_ascii_alphanumeric(), "-"))
}

/// Where to go after a login: a path on this console. `//host`, `/\host` and whole addresses lead elsewhere.
pub fn safe_next(next: &str) -> String {
    let mut chars = next.chars();
    let local = chars.next() == Some('/')
        && !matches!(chars.next(), Some('/' | '\\'))
        && !next.chars().any(|c| c.is_control() || c == '\\')
        && !next.starts_with("/_fn/")
        && !next.starts_with("/login");
    if local { next.to_owned() } else { "/".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_path() {
        assert_eq!(
            control_name("input", "image_config.builder"),
            "input[image_config][builder]"
        );
        assert_eq!(control_name("", "username"), "username");
        assert_eq!(control_id("image_config.builder"), "f-image-config-builder");
    }

    #[test]
    fn a_revision_that_nobody_was_shown_is_an_old_one() {
        assert_eq!(seen_revision("3", false), Some(3));
        for wrong in ["", "x", "99999999999999999999"] {
            assert_eq!(seen_revision(wrong, false), Some(0), "{wrong}");
        }
        assert_eq!(seen_revision("3", true), None);
    }

    #[test]
    fn next_stays_on_this_console() {
        assert_eq!(safe_next("/builds/12?line=7"), "/builds/12?line=7");
        for elsewhere in [
            "",
            "//evil.io",
            "/\\evil.io",
            "https://evil.io",
            "javascript:alert(1)",
            "/a\r\nSet-Cookie: x",
            "/_fn/log_out",
        ] {
            assert_eq!(safe_next(elsewhere), "/", "{elsewhere}");
        }
    }
}

//! What only a browser can do: event streams, work per frame, picking and sending files.
//!
//! It compiles for the server too, so that components need no gates, but it runs only in effects and event handlers, which the
//! server never runs.

mod event_source;
mod frame;
pub mod live;
pub mod upload;

use leptos::{
    prelude::window,
    wasm_bindgen::{JsCast, JsValue},
    web_sys,
};
use wasm_bindgen_futures::JsFuture;

pub use event_source::{Link, Stream};
pub use frame::Batch;

/// Fetches a text and puts it on the clipboard; says whether that worked.
pub async fn copy_from(url: &str) -> bool {
    copy(url).await.is_ok()
}

async fn copy(url: &str) -> Result<(), JsValue> {
    // Elsewhere there is no clipboard, and asking for it throws.
    if !window().is_secure_context() {
        return Err(JsValue::NULL);
    }
    let response: web_sys::Response = JsFuture::from(window().fetch_with_str(url)).await?.dyn_into()?;
    if !response.ok() {
        return Err(JsValue::NULL);
    }
    let text = JsFuture::from(response.text()?).await?.as_string().unwrap_or_default();
    JsFuture::from(window().navigator().clipboard().write_text(&text)).await?;
    Ok(())
}

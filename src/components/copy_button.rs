//! Copies a text to the clipboard.

use leptos::{
    prelude::*,
    wasm_bindgen::{JsCast, JsValue},
    web_sys::js_sys::{Function, Reflect},
};

use super::{Glyph, Icon};

/// A small button that copies; it appears with WebAssembly, since nothing can be copied without.
#[component]
pub fn CopyButton(
    /// What to copy.
    #[prop(into)]
    text: Signal<String>,
    /// What it is, as in "Copy digest".
    #[prop(into)]
    what: String,
) -> impl IntoView {
    let copied = RwSignal::new(false);
    let copy = move |_| {
        if copy_text(&text.get_untracked()).is_some() {
            copied.set(true);
            set_timeout(move || copied.set(false), std::time::Duration::from_secs(2));
        }
    };
    let label = format!("Copy {what}");
    view! {
        <button type="button" class="copy js-only" on:click=copy title=label.clone() aria-label=label>
            {move || view! { <Icon glyph=if copied.get() { Glyph::Check } else { Glyph::Copy } /> }}
            <span class="sr-only" role="status">
                {move || if copied.get() { "Copied" } else { "" }}
            </span>
        </button>
    }
}

/// Puts a text on the clipboard: calls `navigator.clipboard.writeText`, which exists on secure origins only. By reflection: the typed interface is not
/// part of what Leptos brings on both targets.
pub fn copy_text(text: &str) -> Option<()> {
    let navigator = Reflect::get(&window(), &"navigator".into()).ok()?;
    let clipboard = Reflect::get(&navigator, &"clipboard".into()).ok()?;
    let write = Reflect::get(&clipboard, &"writeText".into())
        .ok()?
        .dyn_into::<Function>()
        .ok()?;
    write.call1(&clipboard, &JsValue::from_str(text)).ok()?;
    Some(())
}

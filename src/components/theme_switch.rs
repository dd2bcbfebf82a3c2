//! Light, dark, or as the system has it.

use leptos::{
    ev::SubmitEvent,
    prelude::*,
    wasm_bindgen::JsCast,
    web_sys::{HtmlElement, js_sys::Reflect},
};

use super::Theme;

/// Three buttons. A plain form sets the cookie by a round trip; with WebAssembly the page changes at once.
#[component]
pub fn ThemeSwitch(
    /// The theme as the server knows it.
    theme: Theme,
) -> impl IntoView {
    let current = RwSignal::new(theme);
    let buttons = Theme::ALL
        .into_iter()
        .map(|theme| {
            let text = match theme {
                Theme::System => "System",
                Theme::Light => "Light",
                Theme::Dark => "Dark",
            };
            view! {
                <button
                    class="segment-button"
                    name="theme"
                    value=theme.name()
                    aria-pressed=move || if current.get() == theme { "true" } else { "false" }
                >
                    {text}
                </button>
            }
        })
        .collect_view();
    let switch = move |event: SubmitEvent| {
        let chosen = event.submitter().and_then(|button| button.get_attribute("value"));
        if let Some(theme) = chosen.and_then(|name| Theme::from_name(&name)) {
            event.prevent_default();
            current.set(theme);
            apply(theme);
        }
    };
    view! {
        <form method="post" action="/_fn/set_theme" class="theme-switch" on:submit=switch>
            <span id="theme-label">"Theme"</span>
            <div class="segments" role="group" aria-labelledby="theme-label">
                {buttons}
            </div>
        </form>
    }
}

fn apply(theme: Theme) {
    let document = document();
    if let Some(root) = document
        .document_element()
        .and_then(|root| root.dyn_into::<HtmlElement>().ok())
    {
        _ = root.set_attribute("data-theme", theme.name());
    }
    let cookie = format!("theme={}; Path=/; Max-Age=31536000; SameSite=Lax", theme.name());
    _ = Reflect::set(&document, &"cookie".into(), &cookie.into());
}

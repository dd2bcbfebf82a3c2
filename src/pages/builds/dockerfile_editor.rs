use std::fmt::Write as _;

use leptos::{html, prelude::*};

use crate::components::FormContext;

/// What one Tab inserts.
const INDENT: &str = "    ";

/// The Dockerfile: a text area with line numbers, and with a Tab key that indents once WebAssembly runs.
#[component]
pub fn DockerfileEditor(text: RwSignal<String>) -> impl IntoView {
    let area = NodeRef::<html::Textarea>::new();
    let gutter = NodeRef::<html::Div>::new();
    // Escape lets the next Tab leave, so that the keyboard is not caught.
    let leaving = StoredValue::new(false);
    let numbers = move || {
        let lines = text.with(|text| text.matches('\n').count() + 1);
        (1..=lines).fold(String::new(), |mut out, line| {
            _ = writeln!(out, "{line}");
            out
        })
    };
    let on_key = move |event: leptos::ev::KeyboardEvent| {
        let left = leaving.get_value();
        leaving.set_value(event.key() == "Escape");
        if event.key() != "Tab" || event.shift_key() || event.ctrl_key() || event.alt_key() || event.meta_key() || left
        {
            return;
        }
        let Some(area) = area.get_untracked() else { return };
        event.prevent_default();
        if area.set_range_text(INDENT).is_ok() {
            let at = area.selection_start().ok().flatten().unwrap_or_default() + INDENT.len() as u32;
            _ = area.set_selection_range(at, at);
            text.set(area.value());
        }
    };
    let on_scroll = move |_| {
        if let (Some(area), Some(gutter)) = (area.get_untracked(), gutter.get_untracked()) {
            gutter.set_scroll_top(area.scroll_top());
        }
    };
    // Text that comes from elsewhere than the keyboard: another worker's Dockerfile.
    Effect::new(move |before: Option<()>| {
        let known = text.get();
        let Some(area) = area.get_untracked() else { return };
        let shown = area.value();
        // Typed before WebAssembly was there. (A page that the browser makes itself begins with the line end below.)
        if before.is_none() && shown != known && shown != format!("\n{known}") {
            text.set(shown);
        } else if shown != known {
            area.set_value(&known);
        }
    });
    let error = expect_context::<FormContext>().error;
    let invalid = move || error.with(|error| error.as_ref().is_some_and(|error| error.field("dockerfile").is_some()));
    let initial = text.get_untracked();
    view! {
        <div class="field field-wide" class:is-invalid=invalid>
            <label for="f-dockerfile">"Dockerfile"</label>
            <div class="field-control">
                <div class="editor">
                    <div class="editor-lines" aria-hidden="true" node_ref=gutter>
                        {numbers}
                    </div>
                    <textarea
                        id="f-dockerfile"
                        name="dockerfile_text"
                        class="editor-text"
                        rows="14"
                        wrap="off"
                        spellcheck="false"
                        autocapitalize="none"
                        autocomplete="off"
                        aria-describedby="f-dockerfile-hint"
                        node_ref=area
                        on:input=move |event| text.set(event_target_value(&event))
                        on:keydown=on_key
                        on:scroll=on_scroll
                    >
                        // The parser eats a first line end.
                        {format!("\n{initial}")}
                    </textarea>
                </div>
                {move || {
                    error
                        .with(|error| error.as_ref().and_then(|error| error.field("dockerfile").map(str::to_owned)))
                        .map(|message| view! { <p class="field-error">{message}</p> })
                }}
                <div class="hint" id="f-dockerfile-hint">
                    "Written to the build folder as Dockerfile. Empty = the one that is in the folder. "
                    <span class="js-only">"Tab indents; Escape, then Tab, leaves the field."</span>
                </div>
            </div>
        </div>
    }
}

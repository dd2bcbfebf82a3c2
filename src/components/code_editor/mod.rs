//! A text area for code.

mod toml;

use std::fmt::Write as _;

use leptos::{children::ViewFn, html, prelude::*};

use super::{FormContext, Glyph, Icon};
use crate::forms::control_id;

pub use toml::toml;

/// What one Tab inserts.
const INDENT: &str = "    ";

/// A piece of code: the class that colours it, and its text.
pub type Piece = (&'static str, String);

/// Line numbers, a Tab key that indents once WebAssembly runs, and colours if there is a `highlight`.
#[component]
pub fn CodeEditor(
    /// The field's path in the request, as errors name it.
    path: &'static str,
    /// The control's name in the form.
    #[prop(into)]
    name: String,
    /// Its name.
    label: &'static str,
    /// What is in it.
    text: RwSignal<String>,
    /// A word under it.
    #[prop(into)]
    hint: ViewFn,
    /// Cuts a text into pieces; together they are the text.
    #[prop(optional)]
    highlight: Option<fn(&str) -> Vec<Piece>>,
    /// For whoever leads to a line: see [`select_line`].
    #[prop(optional)]
    area: NodeRef<html::Textarea>,
) -> impl IntoView {
    let id = control_id(path);
    let hint_id = format!("{id}-hint");
    let error_id = format!("{id}-error");
    let described_by = format!("{hint_id} {error_id}");
    let gutter = NodeRef::<html::Div>::new();
    let shade = NodeRef::<html::Pre>::new();
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
        let Some(area) = area.get_untracked() else { return };
        if let Some(gutter) = gutter.get_untracked() {
            gutter.set_scroll_top(area.scroll_top());
        }
        if let Some(shade) = shade.get_untracked() {
            shade.set_scroll_top(area.scroll_top());
            shade.set_scroll_left(area.scroll_left());
        }
    };
    // Text that comes from elsewhere than the keyboard, such as another worker's.
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
    let invalid = move || error.with(|error| error.as_ref().is_some_and(|error| error.field(path).is_some()));
    let initial = text.get_untracked();
    let colours = highlight.map(|highlight| {
        let pieces = move || {
            text.with(|text| highlight(text))
                .into_iter()
                .map(|(class, text)| view! { <span class=class>{text}</span> })
                .collect_view()
        };
        view! {
            <pre class="editor-shade js-only" aria-hidden="true" node_ref=shade>
                {pieces}
                "\n"
            </pre>
        }
    });
    view! {
        <div class="field field-wide" class:is-invalid=invalid>
            <label for=id.clone()>{label}</label>
            <div class="field-control">
                <div class="editor" class:editor-shaded=highlight.is_some()>
                    <div class="editor-lines" aria-hidden="true" node_ref=gutter>
                        {numbers}
                    </div>
                    <div class="editor-code">
                        {colours}
                        <textarea
                            id=id
                            name=name
                            class="editor-text"
                            rows="14"
                            wrap="off"
                            spellcheck="false"
                            autocapitalize="none"
                            autocomplete="off"
                            aria-describedby=described_by
                            aria-invalid=move || invalid().then_some("true")
                            node_ref=area
                            on:input=move |event| text.set(event_target_value(&event))
                            on:keydown=on_key
                            on:scroll=on_scroll
                        >
                            // The parser eats a first line end.
                            {format!("\n{initial}")}
                        </textarea>
                    </div>
                </div>
                {move || {
                    error
                        .with(|error| error.as_ref().and_then(|error| error.field(path).map(str::to_owned)))
                        .map(|message| {
                            view! {
                                <p class="field-error" id=error_id.clone()>
                                    <Icon glyph=Glyph::Cross />
                                    <span>{message}</span>
                                </p>
                            }
                        })
                }}
                <div class="hint" id=hint_id>
                    {hint.run()} " "
                    <span class="js-only">"Tab indents; Escape, then Tab, leaves the field."</span>
                </div>
            </div>
        </div>
    }
}

/// Leads to a line of the editor, from 1.
pub fn select_line(area: NodeRef<html::Textarea>, line: u32) {
    let Some(area) = area.get_untracked() else { return };
    let text = area.value();
    // The browser counts in UTF-16.
    let units = |text: &str| text.encode_utf16().count() as u32;
    let (mut start, mut end) = (0, 0);
    for (number, content) in (1..).zip(text.split('\n')) {
        end = start + units(content);
        if number == line {
            break;
        }
        start = end + 1;
    }
    _ = area.focus();
    _ = area.set_selection_range(start, end);
    let height = f64::from(area.scroll_height()) / f64::from(text.matches('\n').count() as u32 + 1);
    area.set_scroll_top(((f64::from(line) - 4.0) * height).max(0.0) as i32);
}

//! Everything that is wrong with a form, in one place. It is read out; the focus goes to the first wrong field, or else here.

use leptos::{html::Div, prelude::*, wasm_bindgen::JsCast, web_sys::HtmlElement};
use prt_types::{ApiError, ErrorCode};

use super::{Glyph, Icon};
use crate::forms::control_id;

/// The summary of a refusal: the message, what to do, and a link to each wrong field.
#[component]
pub fn FormErrors(
    /// The refusal, if any.
    #[prop(into)]
    error: Signal<Option<ApiError>>,
) -> impl IntoView {
    let summary = NodeRef::<Div>::new();
    Effect::new(move |_| {
        if let Some(error) = error.get() {
            // The summary is in the document after this frame.
            request_animation_frame(move || {
                let focused = error.fields.iter().any(|field| focus(&control_id(&field.field)));
                if let Some(Some(summary)) = summary.try_get_untracked()
                    && !focused
                {
                    _ = summary.focus();
                }
            });
        }
    });
    move || {
        error.get().map(|error| {
            view! {
                <div class="note note-bad form-errors" role="alert" tabindex="-1" autofocus=true node_ref=summary>
                    <Icon glyph=Glyph::Cross />
                    <div class="note-text">
                        <p class="note-title">{error.message.clone()}</p>
                        {field_links(&error)}
                        {error.hint.clone().map(|hint| view! { <p>{hint}</p> })}
                        {request_id(&error)}
                    </div>
                </div>
            }
        })
    }
}

/// Says whether there is such a control and it could take the focus. What is folded away is unfolded for it.
fn focus(id: &str) -> bool {
    let Some(control) = document()
        .get_element_by_id(id)
        .and_then(|control| control.dyn_into::<HtmlElement>().ok())
    else {
        return false;
    };
    if let Ok(Some(details)) = control.closest("details") {
        _ = details.set_attribute("open", "");
    }
    _ = control.focus();
    document().active_element().is_some_and(|active| active.id() == id)
}

/// One wrong field's message is the message of the whole error: it is not said twice, only linked when there are more.
fn field_links(error: &ApiError) -> Option<impl IntoView + use<>> {
    if error.fields.is_empty() {
        return None;
    }
    let links = error
        .fields
        .iter()
        .map(|field| {
            let text = if error.fields.len() == 1 && field.message == error.message {
                "Go to the field".to_owned()
            } else {
                field.message.clone()
            };
            view! {
                <li>
                    <a href=format!("#{}", control_id(&field.field)) rel="external">
                        {text}
                    </a>
                </li>
            }
        })
        .collect_view();
    Some(view! { <ul>{links}</ul> })
}

/// Only when somebody will have to look into the log.
fn request_id(error: &ApiError) -> Option<impl IntoView + use<>> {
    let wanted = matches!(error.code, ErrorCode::Internal | ErrorCode::Unavailable) && !error.request_id.is_empty();
    wanted.then(|| view! { <p class="muted">"Request " <code>{error.request_id.clone()}</code></p> })
}

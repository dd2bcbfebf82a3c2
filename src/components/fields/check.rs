use leptos::{children::ViewFn, prelude::*};

use super::field::{error_line, field_error, field_name};
use crate::forms::control_id;

/// Yes or no. Unchecked it is not sent at all: the form's type needs `#[serde(default)]`, checked it is `true`.
#[component]
pub fn CheckField(
    /// The field's path in the request.
    path: &'static str,
    /// What is true when it is checked.
    #[prop(into)]
    label: String,
    /// Whether it is checked at first.
    #[prop(optional)]
    checked: bool,
    /// A word under it.
    #[prop(optional, into)]
    hint: ViewFn,
) -> impl IntoView {
    let id = control_id(path);
    let error = field_error(path);
    view! {
        <div class="field field-check" class:is-invalid=move || error.with(Option::is_some)>
            <div class="field-control">
                <label class="check">
                    <input
                        type="checkbox"
                        id=id.clone()
                        name=field_name(path)
                        value="true"
                        checked=checked
                        aria-describedby=format!("{id}-hint {id}-error")
                        aria-invalid=move || error.with(Option::is_some).then_some("true")
                    />
                    <span>{label}</span>
                </label>
                {error_line(&id, error)}
                <div class="hint" id=format!("{id}-hint")>
                    {hint.run()}
                </div>
            </div>
        </div>
    }
}

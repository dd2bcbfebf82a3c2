use leptos::{children::ViewFn, prelude::*};

use super::{
    Choice,
    field::{error_line, field_error, field_name},
};
use crate::forms::control_id;

/// One of few values, all of them in sight. `on:change` on it follows the choice.
#[component]
pub fn RadioField(
    /// The field's path in the request.
    path: &'static str,
    /// Its name.
    #[prop(into)]
    label: String,
    /// What there is to choose from.
    choices: Vec<Choice>,
    /// The value chosen at first.
    #[prop(optional, into)]
    value: String,
    /// A word under it.
    #[prop(optional, into)]
    hint: ViewFn,
) -> impl IntoView {
    let id = control_id(path);
    let name = field_name(path);
    let error = field_error(path);
    let items = choices
        .into_iter()
        .enumerate()
        .map(|(at, choice)| {
            let checked = choice.value == value;
            let id = if at == 0 { id.clone() } else { format!("{id}-{at}") };
            view! {
                <label class="segment">
                    <input type="radio" id=id name=name.clone() value=choice.value checked=checked />
                    <span>{choice.label}</span>
                </label>
            }
        })
        .collect_view();
    view! {
        <fieldset
            class="field"
            class:is-invalid=move || error.with(Option::is_some)
            aria-describedby=format!("{id}-hint {id}-error")
        >
            <legend>{label}</legend>
            <div class="field-control">
                <div class="segments">{items}</div>
                {error_line(&id, error)}
                <div class="hint" id=format!("{id}-hint")>
                    {hint.run()}
                </div>
            </div>
        </fieldset>
    }
}

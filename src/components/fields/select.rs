use leptos::{children::ViewFn, prelude::*};

use super::{Choice, Field};

/// One of several values. `on:change` on it follows the choice.
#[component]
pub fn SelectField(
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
    /// Marked as required.
    #[prop(optional)]
    required: bool,
) -> impl IntoView {
    let options = choices
        .into_iter()
        .map(|choice| {
            let selected = choice.value == value;
            let text = if choice.hint.is_empty() {
                choice.label
            } else {
                format!("{} ({})", choice.label, choice.hint)
            };
            view! {
                <option value=choice.value selected=selected>
                    {text}
                </option>
            }
        })
        .collect_view();
    view! {
        <Field path=path label=label hint=hint required=required let:control>
            <select
                id=control.id
                name=control.name
                class="input"
                aria-describedby=control.described_by
                aria-invalid=move || control.invalid.get()
                aria-required=control.required
            >
                {options}
            </select>
        </Field>
    }
}

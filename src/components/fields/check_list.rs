use leptos::{children::ViewFn, prelude::*};

use super::{
    Choice,
    field::{error_line, field_error, field_name},
};
use crate::forms::control_id;

/// How many choices it takes until a box to narrow them down is of use.
const FILTER_FROM: usize = 9;

/// Any number of several things; sent as `name[]`. Long lists scroll, and can be narrowed down with WebAssembly.
#[component]
pub fn CheckList(
    /// The field's path in the request.
    path: &'static str,
    /// Its name.
    #[prop(into)]
    label: String,
    /// What there is to choose from.
    choices: Vec<Choice>,
    /// The values chosen at first.
    #[prop(optional)]
    selected: Vec<String>,
    /// A word under it.
    #[prop(optional, into)]
    hint: ViewFn,
) -> impl IntoView {
    let id = control_id(path);
    let name = format!("{}[]", field_name(path));
    let error = field_error(path);
    let filter = RwSignal::new(String::new());
    let long = choices.len() >= FILTER_FROM;
    let items = choices
        .into_iter()
        .enumerate()
        .map(|(at, choice)| {
            let checked = selected.contains(&choice.value);
            let haystack = format!("{} {}", choice.label, choice.hint).to_lowercase();
            // The error summary links to the field's id, so that one is on the first box.
            let id = if at == 0 { id.clone() } else { format!("{id}-{at}") };
            view! {
                <li hidden=move || filter.with(|filter| !filter.is_empty() && !haystack.contains(filter.as_str()))>
                    <label class="check">
                        <input type="checkbox" id=id name=name.clone() value=choice.value checked=checked />
                        <span>{choice.label}</span>
                        <span class="muted">{choice.hint}</span>
                    </label>
                </li>
            }
        })
        .collect_view();
    let filter_box = long.then(|| {
        view! {
            <input
                type="search"
                class="input js-only"
                placeholder="Narrow down"
                aria-label=format!("Narrow down {label}")
                on:input=move |event| filter.set(event_target_value(&event).to_lowercase())
            />
        }
    });
    view! {
        <fieldset
            class="field"
            class:is-invalid=move || error.with(Option::is_some)
            aria-describedby=format!("{id}-hint {id}-error")
        >
            <legend>{label}</legend>
            <div class="field-control">
                {filter_box} <ul class="check-list" class:check-list-long=long>
                    {items}
                </ul> {error_line(&id, error)} <div class="hint" id=format!("{id}-hint")>
                    {hint.run()}
                </div>
            </div>
        </fieldset>
    }
}

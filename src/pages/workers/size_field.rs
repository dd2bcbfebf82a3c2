use leptos::prelude::*;
use prt_types::worker_sizes::{SecurityContext, WorkerSizeView};

use super::limits;
use crate::components::{Choice, SelectField};

/// The sizes that are granted, each with what it gives.
#[component]
pub fn SizeField(value: String, sizes: Vec<WorkerSizeView>, chosen: RwSignal<String>) -> impl IntoView {
    let choices = sizes
        .iter()
        .map(|size| Choice::new(size.name.clone(), size.name.clone()).with_hint(limits::of_size(size)))
        .collect();
    let sizes = StoredValue::new(sizes);
    let hint = move || {
        sizes.with_value(|sizes| match sizes.iter().find(|size| size.name == chosen.get()) {
            Some(size) => describe(size),
            None if sizes.is_empty() => {
                "No worker size is granted to you. An admin can grant one to you or to one of your groups.".to_owned()
            }
            None => String::new(),
        })
    };
    view! {
        <SelectField
            path="worker_size"
            label="Size"
            choices
            value
            hint=move || view! { <span>{hint}</span> }
            on:change=move |event| {
                let target: leptos::web_sys::Event = event;
                chosen.set(event_target_value(&target));
            }
        />
    }
}

fn describe(size: &WorkerSizeView) -> String {
    let security = match size.security_context {
        SecurityContext::Default => ": uid 1000, sudo works, not privileged",
        SecurityContext::Restricted => ": non-root, no privilege escalation, no capabilities",
        SecurityContext::Privileged => ": privileged, with the privileged builder",
        // Only admins see what one of their own says.
        SecurityContext::Own(_) => "",
    };
    format!(
        "{} for the containers. Security context {}{security}.",
        limits::of_size(size),
        size.security_context.name()
    )
}

//! Facts about one thing, side by side.

use leptos::prelude::*;

/// A grid of facts; its children are [`MetaItem`]s.
#[component]
pub fn MetaList(
    /// The facts.
    children: Children,
) -> impl IntoView {
    view! { <dl class="meta">{children()}</dl> }
}

/// One fact.
#[component]
pub fn MetaItem(
    /// What it is about.
    #[prop(into)]
    label: String,
    /// The fact.
    children: Children,
) -> impl IntoView {
    view! {
        <div>
            <dt>{label}</dt>
            <dd>{children()}</dd>
        </div>
    }
}

//! A framed part of a page.

use leptos::{children::ViewFn, prelude::*};

/// A framed part of a page with a heading.
#[component]
pub fn Card(
    /// The heading; without it the card is only a frame.
    #[prop(optional, into)]
    title: Option<String>,
    /// A word after the heading.
    #[prop(optional, into)]
    subtitle: MaybeProp<String>,
    /// Buttons at the heading's right.
    #[prop(optional, into)]
    actions: ViewFn,
    /// Space around the content; tables and logs want none.
    #[prop(optional)]
    padded: bool,
    /// The content.
    children: Children,
) -> impl IntoView {
    let header = title.map(|title| {
        view! {
            <header class="card-header">
                <h2>{title}</h2>
                {move || subtitle.get().map(|subtitle| view! { <span class="muted">{subtitle}</span> })}
                <span class="grow"></span>
                {actions.run()}
            </header>
        }
    });
    view! {
        <section class="card">
            {header}
            <div class=if padded { "card-body card-padded" } else { "card-body" }>{children()}</div>
        </section>
    }
}

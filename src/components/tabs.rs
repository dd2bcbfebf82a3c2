//! The parts of one object, each with an address of its own.

use leptos::prelude::*;
use leptos_router::components::A;

/// Links to the parts: address and name. The one that is open is marked.
#[component]
pub fn Tabs(
    /// What they are parts of, for those who do not see them.
    label: String,
    /// Address and name.
    tabs: Vec<(String, &'static str)>,
) -> impl IntoView {
    let links = tabs
        .into_iter()
        .map(|(href, name)| {
            view! {
                <li>
                    <A href=href exact=true>
                        {name}
                    </A>
                </li>
            }
        })
        .collect_view();
    view! {
        <nav class="tabs" aria-label=label>
            <ul>{links}</ul>
        </nav>
    }
}

//! The head of a page: where it is, what it is called, what can be done.

use leptos::{children::ViewFn, prelude::*};
use leptos_meta::Title;

/// A step on the way to a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crumb {
    text: String,
    href: Option<String>,
}

impl Crumb {
    /// A place with a page of its own.
    pub fn link(text: impl Into<String>, href: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            href: Some(href.into()),
        }
    }

    /// A part of the navigation without a page.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            href: None,
        }
    }
}

/// The page's heading with breadcrumbs and actions; also sets the window's title.
#[component]
pub fn PageTitle(
    /// The page's name. A text and no signal: the window's title outlives the page's own signals for a moment.
    #[prop(into)]
    title: String,
    /// The way here, without the page itself.
    #[prop(optional)]
    crumbs: Vec<Crumb>,
    /// The name is one that machines read.
    #[prop(optional)]
    mono: bool,
    /// Buttons at the right.
    #[prop(optional, into)]
    actions: ViewFn,
    /// What follows the name: a status.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let trail = (!crumbs.is_empty()).then(|| {
        let items = crumbs
            .into_iter()
            .map(|crumb| {
                view! {
                    <li>
                        {match crumb.href {
                            Some(href) => view! { <a href=href>{crumb.text}</a> }.into_any(),
                            None => view! { <span>{crumb.text}</span> }.into_any(),
                        }}
                    </li>
                }
            })
            .collect_view();
        view! {
            <nav class="crumbs" aria-label="Breadcrumbs">
                <ol>
                    {items} <li>
                        <span aria-current="page">{title.clone()}</span>
                    </li>
                </ol>
            </nav>
        }
    });
    view! {
        <Title text=title.clone() />
        {trail}
        <div class="page-title">
            <h1 class:mono=mono>{title}</h1>
            {children.map(|children| children())}
            <span class="grow"></span>
            <div class="page-actions">{actions.run()}</div>
        </div>
    }
}

use leptos::prelude::*;

use super::server_fns::{DocSection, docs_index};
use crate::components::{Card, Load, PageTitle};

/// What there is to read.
#[component]
pub fn DocsPage() -> impl IntoView {
    let sections = Resource::new_blocking(|| (), |()| docs_index());
    view! {
        <Load from=sections let:sections>
            <PageTitle title="Docs" />
            <p class="lead">
                "From a first builder worker to a pipeline that builds on each commit. Read it in order, or look things up."
            </p>
            {sections.into_iter().map(|section| view! { <Pages section /> }).collect_view()}
        </Load>
    }
}

#[component]
fn Pages(section: DocSection) -> impl IntoView {
    let ordered = section.pages.len() > 4;
    let items = section
        .pages
        .into_iter()
        .map(|page| {
            view! {
                <li>
                    <a class="row-name" href=page.href>
                        {page.title}
                    </a>
                    <span class="muted">{page.about}</span>
                </li>
            }
        })
        .collect_view();
    view! {
        <Card title=section.name>
            <ol class="docs-list" class:is-ordered=ordered>
                {items}
            </ol>
        </Card>
    }
}

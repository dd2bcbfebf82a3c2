use leptos::{ev::MouseEvent, prelude::*, wasm_bindgen::JsCast, web_sys::Element};
use leptos_router::hooks::use_params_map;

use super::{
    INDEX,
    server_fns::{DocArticle, DocHeading, DocLink, docs_page},
};
use crate::components::{Crumb, Load, PageTitle, copy_text};

/// One page of the documentation.
#[component]
pub fn DocPage() -> impl IntoView {
    let params = use_params_map();
    let path = Memo::new(move |_| params.with(|params| params.get("page")).unwrap_or_default());
    let article = Resource::new_blocking(move || path.get(), docs_page);
    view! {
        <Load from=article let:article>
            <Article article />
        </Load>
    }
}

#[component]
fn Article(article: DocArticle) -> impl IntoView {
    let crumbs = vec![Crumb::link("Docs", INDEX), Crumb::text(article.section)];
    let contents = (article.headings.len() > 1).then(|| view! { <Contents headings=article.headings /> });
    view! {
        <PageTitle title=article.title crumbs=crumbs />
        <div class="docs">
            {contents} <div class="docs-main">
                <article class="prose" on:click=copy inner_html=article.html></article>
                <nav class="docs-turn" aria-label="Previous and next page">
                    {article.previous.map(|page| view! { <Turn page word="Previous" /> })}
                    {article.next.map(|page| view! { <Turn page word="Next" /> })}
                </nav>
            </div>
        </div>
    }
}

#[component]
fn Turn(page: DocLink, word: &'static str) -> impl IntoView {
    let (class, rel) = match word {
        "Next" => ("docs-next", "next"),
        _ => ("docs-previous", "prev"),
    };
    view! {
        <a class=class rel=rel href=page.href>
            <span class="muted">{word}</span>
            <span>{page.title}</span>
        </a>
    }
}

#[component]
fn Contents(headings: Vec<DocHeading>) -> impl IntoView {
    let items = headings
        .into_iter()
        .map(|heading| {
            view! {
                <li class:inner=heading.inner>
                    <a href=format!("#{}", heading.id)>{heading.text}</a>
                </li>
            }
        })
        .collect_view();
    view! {
        <nav class="docs-contents" aria-label="On this page">
            <h2>"On this page"</h2>
            <ul>{items}</ul>
        </nav>
    }
}

/// The copy buttons come with the page's HTML, so one handler serves all of them.
fn copy(event: MouseEvent) {
    let button = event
        .target()
        .and_then(|target| target.dyn_into::<Element>().ok())
        .and_then(|element| element.closest("[data-copy]").ok().flatten());
    let Some(button) = button else { return };
    let text = button
        .parent_element()
        .and_then(|block| block.query_selector("pre").ok().flatten())
        .and_then(|pre| pre.text_content());
    if text.is_some_and(|text| copy_text(&text).is_some()) {
        button.set_text_content(Some("Copied"));
        let again = move || button.set_text_content(Some("Copy"));
        set_timeout(again, std::time::Duration::from_secs(2));
    }
}

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::AppError;

/// A page in a list of pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocLink {
    pub href: String,
    pub title: String,
    pub about: String,
}

/// A part of the documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocSection {
    pub name: String,
    pub pages: Vec<DocLink>,
}

/// A heading of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocHeading {
    pub id: String,
    pub text: String,
    /// Below another one.
    pub inner: bool,
}

/// A page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocArticle {
    pub title: String,
    pub section: String,
    /// Made by `prt_docs` of the files in `docs/`: markup that nobody else has a hand in.
    pub html: String,
    pub headings: Vec<DocHeading>,
    pub previous: Option<DocLink>,
    pub next: Option<DocLink>,
}

/// What there is to read.
#[server(prefix = "/_fn", endpoint = "docs_index")]
pub async fn docs_index() -> Result<Vec<DocSection>, AppError> {
    use prt_docs::{PAGES, Section};

    use crate::server::{extract, problem::app_error};

    let (_, cx) = extract::context().await?;
    cx.actor().map_err(|error| app_error(error, &cx))?;
    let section = |section: Section| DocSection {
        name: section.name().to_owned(),
        pages: PAGES.iter().filter(|page| page.section == section).map(link).collect(),
    };
    Ok([
        Section::Tutorial,
        Section::Operation,
        Section::Reference,
        Section::Example,
    ]
    .map(section)
    .into())
}

/// One page, with this console's own addresses in its examples.
#[server(prefix = "/_fn", endpoint = "docs_page")]
pub async fn docs_page(#[server(default)] path: String) -> Result<DocArticle, AppError> {
    use prt_docs::Place;

    use crate::server::{extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let wrong = |error| app_error(error, &cx);
    cx.actor().map_err(wrong)?;
    let page = prt_docs::page(&path).ok_or_else(|| wrong(prt_core::Error::not_found("page", &path)))?;
    let settings = orchestrator.settings();
    let rendered = prt_docs::render(
        page,
        &Place {
            url: settings.public_url.clone(),
            platform_version: settings.platform_version.clone(),
            default_registry: settings.default_registry.clone(),
        },
    );
    let (previous, next) = page.neighbours();
    Ok(DocArticle {
        title: rendered.title,
        section: page.section.name().to_owned(),
        html: rendered.html,
        headings: rendered
            .headings
            .into_iter()
            .map(|heading| DocHeading {
                id: heading.id,
                text: heading.text,
                inner: heading.level > 2,
            })
            .collect(),
        previous: previous.map(link),
        next: next.map(link),
    })
}

#[cfg(feature = "ssr")]
fn link(page: &prt_docs::Page) -> DocLink {
    DocLink {
        href: format!("{}/{}", super::INDEX, page.path),
        title: page.title().to_owned(),
        about: page.about.to_owned(),
    }
}

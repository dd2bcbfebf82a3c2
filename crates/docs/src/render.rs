//! From markdown to the HTML of the console.

use std::collections::HashMap;

use pulldown_cmark::{CodeBlockKind, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};
use serde::{Deserialize, Serialize};

use crate::{
    pages::{Page, Section, page},
    ways,
};

/// What the examples say instead of example.com.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// This console's address.
    pub url: String,
    /// Its platform version.
    pub platform_version: String,
    /// Where its short image names live.
    pub default_registry: String,
}

impl Place {
    /// What the files say.
    pub const URL: &str = "https://console.example.com";
    /// What the files say.
    pub const VERSION: &str = "25.5.3";
    /// What the files say.
    pub const REGISTRY: &str = "ghcr.io/practicusai";

    /// References say what is so everywhere; what is an example elsewhere becomes this console's.
    fn put(&self, section: Section, text: &str) -> String {
        if section == Section::Reference {
            return text.to_owned();
        }
        text.replace(Self::URL, &self.url)
            .replace(Self::REGISTRY, &self.default_registry)
            .replace(Self::VERSION, &self.platform_version)
    }
}

/// A heading of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heading {
    /// 2 or 3.
    pub level: u8,
    /// The anchor.
    pub id: String,
    /// The words.
    pub text: String,
}

/// A page as HTML.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendered {
    /// The first heading, which is not part of `html`.
    pub title: String,
    /// All else.
    pub html: String,
    /// What is on the page.
    pub headings: Vec<Heading>,
}

/// Renders a page.
pub fn render(page: &Page, place: &Place) -> Rendered {
    let text = match page.section {
        Section::Tutorial | Section::Operation | Section::Reference => page.body().to_owned(),
        Section::Example => fenced(page),
    };
    let mut headings = Vec::new();
    let mut anchors = Anchors::default();
    let mut out = String::with_capacity(text.len() * 2);
    let events: Vec<Event<'_>> = Parser::new_ext(&text, options()).collect();
    let blocks = ways::group(events);
    let mut ways_seen = 0;
    for block in blocks {
        match block {
            ways::Block::Events(events) => {
                let mut writer = Writer {
                    place,
                    section: page.section,
                    path: page.path,
                    anchors: &mut anchors,
                    headings: &mut headings,
                };
                html::push_html(&mut out, writer.events(events).into_iter());
            }
            ways::Block::Ways(tabs) => {
                ways_seen += 1;
                let tabs = tabs.into_iter().map(|(name, events)| {
                    let mut writer = Writer {
                        place,
                        section: page.section,
                        path: page.path,
                        anchors: &mut anchors,
                        headings: &mut headings,
                    };
                    let mut inside = String::new();
                    html::push_html(&mut inside, writer.events(events).into_iter());
                    (name, inside)
                });
                ways::push(&mut out, ways_seen, tabs);
            }
        }
    }
    Rendered {
        title: page.title().to_owned(),
        html: out,
        headings,
    }
}

fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH
}

fn fenced(page: &Page) -> String {
    let language = match page.path.rsplit('.').next() {
        Some("yml") => "yaml",
        Some("sh") => "sh",
        _ => "",
    };
    format!(
        "# {}\n\n{}\n\n````{language}\n{}````\n",
        page.title(),
        page.about,
        page.source
    )
}

/// The anchors that git viewers make of headings: lower case, dashes for spaces, letters, digits and dashes only; a number after the
/// second of the same name.
#[derive(Debug, Default)]
pub(crate) struct Anchors(HashMap<String, usize>);

impl Anchors {
    pub(crate) fn of(&mut self, text: &str) -> String {
        let slug: String = text
            .trim()
            .to_lowercase()
            .chars()
            .filter_map(|c| match c {
                ' ' => Some('-'),
                c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
                _ => None,
            })
            .collect();
        let seen = self.0.entry(slug.clone()).or_default();
        *seen += 1;
        match *seen {
            1 => slug,
            again => format!("{slug}-{}", again - 1),
        }
    }
}

struct Writer<'w> {
    place: &'w Place,
    section: Section,
    path: &'static str,
    anchors: &'w mut Anchors,
    headings: &'w mut Vec<Heading>,
}

impl Writer<'_> {
    /// Events with anchors, links of the console, copy buttons and this console's names.
    fn events<'e>(&mut self, events: Vec<Event<'e>>) -> Vec<Event<'e>> {
        let mut out = Vec::with_capacity(events.len());
        let mut events = events.into_iter().peekable();
        let (mut columns, mut column): (Vec<String>, usize) = (vec![], 0);
        while let Some(event) = events.next() {
            match event {
                Event::Start(Tag::Heading {
                    level: HeadingLevel::H1,
                    ..
                }) => {
                    // The page's own title shows it.
                    ways::inside(&mut events);
                }
                Event::Start(Tag::Heading {
                    level, classes, attrs, ..
                }) => {
                    let inside = ways::inside(&mut events);
                    let text = ways::text_of(&inside);
                    let id = self.anchors.of(&text);
                    if matches!(level, HeadingLevel::H2 | HeadingLevel::H3) {
                        self.headings.push(Heading {
                            level: level as u8,
                            id: id.clone(),
                            text,
                        });
                    }
                    out.push(Event::Start(Tag::Heading {
                        level,
                        id: Some(id.clone().into()),
                        classes,
                        attrs,
                    }));
                    out.extend(self.events(inside));
                    out.push(Event::Html(anchor_link(&id).into()));
                    out.push(Event::End(TagEnd::Heading(level)));
                }
                Event::Start(Tag::Link {
                    link_type,
                    dest_url,
                    title,
                    id,
                }) => out.push(Event::Start(Tag::Link {
                    link_type,
                    dest_url: self.link(&dest_url),
                    title,
                    id,
                })),
                Event::Start(Tag::CodeBlock(kind)) => {
                    out.push(Event::Html(code_open(&kind).into()));
                }
                Event::End(TagEnd::CodeBlock) => {
                    out.push(Event::Html("</code></pre></div>\n".into()));
                }
                Event::Start(Tag::Table(alignments)) => {
                    out.push(Event::Html("<div class=\"table-frame\" tabindex=\"0\">".into()));
                    out.push(Event::Start(Tag::Table(alignments)));
                    columns.clear();
                }
                Event::Start(Tag::TableHead) => {
                    out.push(event);
                    while let Some(Event::Start(Tag::TableCell)) = events.next() {
                        let cell = self.events(ways::inside(&mut events));
                        columns.push(ways::text_of(&cell));
                        out.push(Event::Start(Tag::TableCell));
                        out.extend(cell);
                        out.push(Event::End(TagEnd::TableCell));
                    }
                    out.push(Event::End(TagEnd::TableHead));
                }
                Event::Start(Tag::TableRow) => {
                    column = 0;
                    out.push(event);
                }
                Event::Start(Tag::TableCell) => {
                    out.push(event);
                    // On a narrow screen a row is a block: its first cell is the heading, the others say what they are.
                    let filled = column > 0 && !matches!(events.peek(), Some(Event::End(_)));
                    if let Some(label) = columns.get(column).filter(|label| filled && !label.is_empty()) {
                        out.push(Event::Html("<span class=\"cell-label\">".into()));
                        out.push(Event::Text(label.clone().into()));
                        out.push(Event::Html("</span>".into()));
                    }
                    column += 1;
                }
                Event::End(TagEnd::Table) => {
                    out.push(Event::End(TagEnd::Table));
                    out.push(Event::Html("</div>\n".into()));
                }
                Event::Text(text) => out.push(Event::Text(self.place.put(self.section, &text).into())),
                Event::Code(text) => out.push(Event::Code(self.place.put(self.section, &text).into())),
                // Nothing of ours needs it, and what has no markup can carry none.
                Event::Html(text) | Event::InlineHtml(text) => out.push(Event::Text(text)),
                other => out.push(other),
            }
        }
        out
    }

    /// A relative link to a file of `docs/` as the console's own address; others as they are.
    fn link<'e>(&self, to: &str) -> CowStr<'e> {
        if to.starts_with('#') || to.contains("://") || to.starts_with('/') {
            return self.place.put(self.section, to).into();
        }
        let (file, anchor) = to
            .split_once('#')
            .map_or((to, None), |(file, anchor)| (file, Some(anchor)));
        let path = resolve(self.path, file);
        let known = page(path.strip_suffix(".md").unwrap_or(&path));
        let address = match known {
            Some(page) => format!("/docs/{}", page.path),
            None => "/docs".to_owned(),
        };
        match anchor {
            Some(anchor) => format!("{address}#{anchor}").into(),
            None => address.into(),
        }
    }
}

/// `../ci/build.sh` seen from `tutorial/ci-cd` -> `ci/build.sh`.
pub(crate) fn resolve(from: &str, to: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in to.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn language_of<'k>(kind: &'k CodeBlockKind<'_>) -> &'k str {
    match kind {
        CodeBlockKind::Fenced(info) => info.split([' ', ',']).next().unwrap_or_default(),
        CodeBlockKind::Indented => "",
    }
}

fn code_open(kind: &CodeBlockKind<'_>) -> String {
    let language: String = language_of(kind).chars().filter(char::is_ascii_alphanumeric).collect();
    // The button is of no use without a script: the page shows it when it is taken over.
    format!(
        "<div class=\"code\"><button type=\"button\" class=\"code-copy js-only\" data-copy aria-label=\"Copy this example\">Copy</button>\
         <pre tabindex=\"0\"><code data-language=\"{language}\">"
    )
}

fn anchor_link(id: &str) -> String {
    let id: String = id
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
        .collect();
    format!(" <a class=\"anchor\" href=\"#{id}\" aria-label=\"Link to this part\">#</a>")
}

#[cfg(test)]
mod tests;

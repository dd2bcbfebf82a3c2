//! The ways to do one thing, side by side: headings named for a door, one after the other, become tabs. They are radio buttons and a
//! style sheet, so they need no script; a reader without either sees one after the other.

use std::fmt::Write as _;

use pulldown_cmark::{Event, HeadingLevel, Tag, TagEnd};

/// The headings that make a tab, as they are written.
pub(crate) const DOORS: [&str; 4] = ["Console", "prtcli", "Python", "REST"];

/// A piece of a page.
#[derive(Debug)]
pub(crate) enum Block<'e> {
    /// As it stands.
    Events(Vec<Event<'e>>),
    /// Tabs: name and content.
    Ways(Vec<(&'static str, Vec<Event<'e>>)>),
}

/// What stands in the heading or cell that has begun.
pub(crate) fn inside<'e>(events: &mut impl Iterator<Item = Event<'e>>) -> Vec<Event<'e>> {
    events
        .take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_) | TagEnd::TableCell)))
        .collect()
}

/// The words of a heading or cell.
pub(crate) fn text_of(events: &[Event<'_>]) -> String {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Text(text) | Event::Code(text) => Some(text.as_ref()),
            _ => None,
        })
        .collect()
}

/// Puts the events below headings of level 4 named for a door together, up to the next heading or rule.
pub(crate) fn group(events: Vec<Event<'_>>) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = vec![Block::Events(vec![])];
    let mut events = events.into_iter();
    while let Some(event) = events.next() {
        match event {
            Event::Start(Tag::Heading {
                level,
                id,
                classes,
                attrs,
            }) => {
                let inside = inside(&mut events);
                let door = DOORS.into_iter().find(|door| *door == text_of(&inside));
                match (door, level, blocks.last_mut()) {
                    (Some(door), HeadingLevel::H4, Some(Block::Ways(tabs))) => tabs.push((door, vec![])),
                    (Some(door), HeadingLevel::H4, _) => blocks.push(Block::Ways(vec![(door, vec![])])),
                    _ => {
                        let mut heading = vec![Event::Start(Tag::Heading {
                            level,
                            id,
                            classes,
                            attrs,
                        })];
                        heading.extend(inside);
                        heading.push(Event::End(TagEnd::Heading(level)));
                        blocks.push(Block::Events(heading));
                    }
                }
            }
            // Ends the tabs where no heading follows; it is seen in a git viewer only.
            Event::Rule if matches!(blocks.last(), Some(Block::Ways(_))) => blocks.push(Block::Events(vec![])),
            event => match blocks.last_mut() {
                Some(Block::Events(plain)) => plain.push(event),
                Some(Block::Ways(tabs)) => {
                    if let Some((_, content)) = tabs.last_mut() {
                        content.push(event);
                    }
                }
                None => blocks.push(Block::Events(vec![event])),
            },
        }
    }
    blocks
}

/// Writes tabs; `number` tells them from others on the page.
pub(crate) fn push(out: &mut String, number: usize, tabs: impl Iterator<Item = (&'static str, String)>) {
    out.push_str("<fieldset class=\"ways\"><legend class=\"sr-only\">How</legend>\n");
    for (at, (name, content)) in tabs.enumerate() {
        let checked = if at == 0 { " checked" } else { "" };
        // Each radio button stands right before its panel: the style sheet shows the panel after the checked one.
        _ = write!(
            out,
            "<label class=\"way\"><input type=\"radio\" name=\"ways-{number}\" value=\"{name}\"{checked}> <span>{name}</span></label>\
             <div class=\"way-panel\">\n{content}</div>\n"
        );
    }
    out.push_str("</fieldset>\n");
}

//! A word to the reader within a page.

use leptos::prelude::*;

use super::{Glyph, Icon};

/// What kind of word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoteTone {
    /// Good to know.
    #[default]
    Info,
    /// It went well.
    Ok,
    /// Look out.
    Warn,
    /// It failed.
    Bad,
}

impl NoteTone {
    fn class(self) -> &'static str {
        match self {
            Self::Info => "note",
            Self::Ok => "note note-ok",
            Self::Warn => "note note-warn",
            Self::Bad => "note note-bad",
        }
    }

    fn glyph(self) -> Glyph {
        match self {
            Self::Info => Glyph::Info,
            Self::Ok => Glyph::Check,
            Self::Warn => Glyph::Warning,
            Self::Bad => Glyph::Cross,
        }
    }
}

/// A boxed word with its icon.
#[component]
pub fn Note(
    /// What kind of word.
    #[prop(optional)]
    tone: NoteTone,
    /// The words.
    children: Children,
) -> impl IntoView {
    view! {
        <div class=tone.class()>
            <Icon glyph=tone.glyph() />
            <div class="note-text">{children()}</div>
        </div>
    }
}

//! The few icons, drawn on a grid of 16 and coloured by the text around them.

use leptos::prelude::*;

/// Which icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyph {
    /// Done.
    Check,
    /// Failed, close.
    Cross,
    /// Look here.
    Warning,
    /// Being worked on; turns.
    Spinner,
    /// Nothing to tell yet.
    Circle,
    /// Taken from a cache.
    Bolt,
    /// Stopped on purpose.
    Stop,
    /// To the clipboard.
    Copy,
    /// Add.
    Plus,
    /// Navigation.
    Menu,
    /// Opens below.
    Down,
    /// A file.
    File,
    /// To here.
    Download,
    /// A word on the side.
    Info,
    /// Find.
    Search,
    /// A container.
    Box,
    /// A login.
    Key,
    /// A secret.
    Lock,
    /// A certificate.
    Certificate,
    /// What a program may do.
    Token,
    /// Something to read.
    Book,
    /// A worker.
    Worker,
    /// A build.
    Build,
    /// How much.
    Size,
    /// Rights.
    Shield,
    /// How long.
    Clock,
}

impl Glyph {
    fn path(self) -> &'static str {
        match self {
            Self::Check => "M3.5 8.5l3 3 6-7",
            Self::Cross => "M4 4l8 8M12 4l-8 8",
            Self::Warning => "M8 2.2L14.4 13.4H1.6zM8 6.6v3M8 11.4v.1",
            Self::Spinner => "M8 2a6 6 0 1 1-5.2 3",
            Self::Circle => "M8 3a5 5 0 1 1 0 10a5 5 0 1 1 0-10",
            Self::Bolt => "M9 1.8L3.6 9H8l-1 5.2L12.4 7H8z",
            Self::Stop => "M4 4h8v8H4z",
            Self::Copy => "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
            Self::Plus => "M8 3v10M3 8h10",
            Self::Menu => "M2.5 4h11M2.5 8h11M2.5 12h11",
            Self::Down => "M4 6l4 4 4-4",
            Self::File => "M4 1.8h5.2L12.4 5v9.2H4zM9 2v3.2h3.2",
            Self::Download => "M8 2v8M4.5 6.8L8 10.2l3.5-3.4M2.5 13.5h11",
            Self::Info => "M8 2a6 6 0 1 1 0 12a6 6 0 1 1 0-12M8 7.2v3.8M8 4.8v.1",
            Self::Search => "M7 2.5a4.5 4.5 0 1 1 0 9a4.5 4.5 0 1 1 0-9M10.3 10.3l3.4 3.4",
            Self::Token | Self::Certificate => {
                "M8 1.8l5.2 2v4c0 3.2-2.2 5.4-5.2 6.4-3-1-5.2-3.2-5.2-6.4v-4zM5.8 8l1.6 1.6 3-3.2"
            }
            Self::Book => {
                "M8 4.2C6.4 3 4.4 2.8 2.2 2.8v9.6c2.2 0 4.2.2 5.8 1.4 1.6-1.2 3.6-1.4 5.8-1.4V2.8c-2.2 0-4.2.2-5.8 1.4zM8 4.2v9.6"
            }
            Self::Key => "M7.8 8a2.8 2.8 0 1 1-5.6 0 2.8 2.8 0 0 1 5.6 0zM7.8 8h6.4M11.8 8v2.6M14 8v1.8",
            Self::Lock => "M3.5 7.2h9v6.3h-9zM5.5 7.2V5a2.5 2.5 0 0 1 5 0v2.2M8 9.6v1.6",
            Self::Box => "M8 1.8l5.6 3v6.4L8 14.2l-5.6-3V4.8zM2.6 4.9L8 7.8l5.4-2.9M8 7.8v6.2",
            Self::Worker => "M2.2 3.2h11.6v3.6H2.2zM2.2 9.2h11.6v3.6H2.2zM4.8 5v.1M4.8 11v.1",
            Self::Size => "M3 13.5V9M8 13.5V5.5M13 13.5V2.5",
            Self::Clock => "M8 2a6 6 0 1 1 0 12a6 6 0 1 1 0-12M8 4.8V8l2.4 1.6",
            Self::Shield => "M8 1.8l5 2v4.4c0 3-2.2 5-5 6-2.8-1-5-3-5-6V3.8z",
            Self::Build => "M2.5 13.5l5-5M6.2 4.8l5 5 2.3-2.3-2-2 1-2.4-.7-.7-2.4 1-2-2z",
        }
    }
}

/// An icon beside a word, or alone with a `label`.
#[component]
pub fn Icon(
    /// Which one.
    glyph: Glyph,
    /// What it says to those who do not see it; without it the icon is decoration.
    #[prop(optional, into)]
    label: Option<String>,
) -> impl IntoView {
    let class = if glyph == Glyph::Spinner {
        "icon icon-spin"
    } else {
        "icon"
    };
    let decoration = label.is_none().then_some("true");
    let role = label.is_some().then_some("img");
    view! {
        <svg class=class viewBox="0 0 16 16" width="16" height="16" aria-hidden=decoration role=role aria-label=label>
            <path d=glyph.path()></path>
        </svg>
    }
}

//! A status by icon, word and colour, in that order of importance.

use leptos::prelude::*;
use prt_types::{builds::BuildStatus, workers::WorkerStatus};

use super::{Glyph, Icon};

/// What a status means for the reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Neither good nor bad.
    #[default]
    Idle,
    /// Works, done.
    Ok,
    /// Failed.
    Bad,
    /// Look out.
    Warn,
    /// Going on.
    Run,
    /// From a cache.
    Cached,
    /// Stopped on purpose.
    Stopped,
}

impl Tone {
    /// The name in class attributes.
    pub fn class(self) -> &'static str {
        match self {
            Self::Idle | Self::Stopped => "idle",
            Self::Ok => "ok",
            Self::Bad => "bad",
            Self::Warn => "warn",
            Self::Run => "run",
            Self::Cached => "cached",
        }
    }

    /// Its icon.
    pub fn glyph(self) -> Glyph {
        match self {
            Self::Idle => Glyph::Circle,
            Self::Ok => Glyph::Check,
            Self::Bad => Glyph::Cross,
            Self::Warn => Glyph::Warning,
            Self::Run => Glyph::Spinner,
            Self::Cached => Glyph::Bolt,
            Self::Stopped => Glyph::Stop,
        }
    }
}

impl From<WorkerStatus> for Tone {
    fn from(status: WorkerStatus) -> Self {
        match status {
            WorkerStatus::Provisioning | WorkerStatus::Terminating => Self::Run,
            WorkerStatus::Running => Self::Ok,
            WorkerStatus::Terminated => Self::Stopped,
            WorkerStatus::Failed => Self::Bad,
        }
    }
}

impl From<BuildStatus> for Tone {
    fn from(status: BuildStatus) -> Self {
        match status {
            BuildStatus::Pending => Self::Idle,
            BuildStatus::Running | BuildStatus::Canceling => Self::Run,
            BuildStatus::Succeeded => Self::Ok,
            BuildStatus::Failed => Self::Bad,
            BuildStatus::Canceled => Self::Stopped,
        }
    }
}

/// A status.
#[component]
pub fn StatusPill(
    /// What it means for the reader.
    #[prop(into)]
    tone: Signal<Tone>,
    /// The word.
    #[prop(into)]
    text: Signal<String>,
) -> impl IntoView {
    view! {
        <span class=move || format!("pill pill-{}", tone.get().class())>
            {move || view! { <Icon glyph=tone.get().glyph() /> }}
            {move || text.get()}
        </span>
    }
}

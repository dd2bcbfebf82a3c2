//! Who looks at the page, and how they like it.

use leptos::prelude::*;
use prt_types::access::{Me, Role};
use serde::{Deserialize, Serialize};

use crate::error::AppError;

/// Light or dark. Kept in the cookie `theme`, so that the server renders it and nothing flashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// As the operating system has it.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// The word in the cookie and in `data-theme`.
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The theme of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.name() == name)
    }
}

/// Who looks at the page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewer {
    /// The user, if logged in.
    pub me: Option<Me>,
    /// The theme.
    pub theme: Theme,
    /// Why the container engine does not answer, if it does not.
    pub engine_away: Option<String>,
}

impl Viewer {
    /// Whether they administer the system. The server decides by itself; this only spares them links that lead nowhere.
    pub fn is_admin(&self) -> bool {
        self.me.as_ref().is_some_and(|me| me.role == Role::Admin)
    }
}

/// The viewer, loaded once a page load; a context that `App` provides.
pub type ViewerContext = Resource<Result<Viewer, AppError>>;

/// The viewer; to be awaited within `Suspense`.
pub fn use_viewer() -> ViewerContext {
    expect_context()
}

//! The documentation pages: the files of `docs/`, put into the program when it is compiled, and rendered for the console.
//!
//! The same files are read in a git viewer, so they are plain markdown: links between them are relative and end in `.md`, and headings
//! have the anchors that git viewers give them. Three things become more in the console: consecutive headings named for a door
//! (`#### Console`, `#### prtcli`, `#### Python`) become tabs, code gets a copy button, and example addresses become this console's.
//!
//! What is rendered is ours: no page takes text from a user, and raw HTML in a page is shown as text.
//!
//! # How to add a page
//! The file in `docs/`, and a line in [`pages::PAGES`].

#![warn(missing_docs)]

pub mod generated;
pub mod pages;
mod render;
mod ways;

pub use pages::{PAGES, Page, Section, page};
pub use render::{Heading, Place, Rendered, render};

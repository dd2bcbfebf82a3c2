//! A terminal in a container.
//!
//! `prt-agent terminal` reads a frame with an [`Open`] and runs its command on a pseudo-terminal. After that each frame of input is one byte
//! of kind, [`INPUT`] or [`RESIZE`], and what belongs to it: bytes that are typed, or a [`Size`] in JSON. It prints what the terminal
//! prints, as it is, and ends with the command's exit code. The end of its input hangs the terminal up.

use serde::{Deserialize, Serialize};

/// Typed bytes follow.
pub const INPUT: u8 = 0;
/// A [`Size`] follows.
pub const RESIZE: u8 = 1;
/// Most bytes of a frame of input.
pub const LARGEST_INPUT: usize = 64 * 1024;

/// A terminal to open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// Program and arguments; empty = the user's shell.
    pub command: Vec<String>,
    /// Its size.
    pub size: Size,
}

/// Size of a terminal in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Lines.
    pub rows: u16,
    /// Columns.
    pub columns: u16,
}

//! Files of the build folder.

use serde::{Deserialize, Serialize};

/// A file in the build folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildFile {
    /// Relative to the build folder.
    pub path: String,
    /// Bytes.
    pub size: u64,
}

/// Most files that a listing has.
pub const LIST_MAX: usize = 1000;

/// Begins the name of what is being uploaded, at the top of the build folder.
pub const UPLOADS: &str = ".prt-upload-";

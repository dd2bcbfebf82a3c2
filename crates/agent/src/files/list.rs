//! What is in the build folder.

use cap_fs_ext::DirExt as _;
use cap_std::fs::Dir;
use prt_agent_protocol::{BuildFile, LIST_MAX, UPLOADS};

use super::open;
use crate::store::Result;

/// Regular files, in the order of their paths. Links are not followed, uploads on their way are left out, and so is what cannot be read.
pub fn list(folder: &str) -> Result<Vec<BuildFile>> {
    let mut found = vec![];
    walk(&open(folder)?, "", &mut found);
    Ok(found)
}

fn walk(dir: &Dir, above: &str, found: &mut Vec<BuildFile>) {
    let mut entries: Vec<_> = dir
        .entries()
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let kind = entry.file_type().ok()?;
            let name = entry.file_name();
            // With its slash a folder comes where the paths of its files do.
            let mut path = format!("{above}{}", name.to_string_lossy());
            if kind.is_dir() {
                path.push('/');
            }
            let listed = (kind.is_dir() || kind.is_file()) && !path.starts_with(UPLOADS);
            listed.then_some((path, name, kind.is_dir()))
        })
        .collect();
    entries.sort();
    for (path, name, is_folder) in entries {
        if found.len() >= LIST_MAX {
            return;
        }
        if is_folder {
            if let Ok(below) = dir.open_dir_nofollow(&name) {
                walk(&below, &path, found);
            }
        } else if let Ok(meta) = dir.symlink_metadata(&name)
            && meta.is_file()
        {
            found.push(BuildFile { path, size: meta.len() });
        }
    }
}

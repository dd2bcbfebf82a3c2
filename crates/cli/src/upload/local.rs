//! What CONTEXT and `-f` on the command line mean: a folder to upload, or one that the worker has already.

use std::path::{Component, Path, PathBuf};

use crate::error::{CliError, Result};

/// A context and its Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// The folder, without links and `..`.
    pub folder: PathBuf,
    /// Relative to the folder.
    pub dockerfile: String,
}

impl Local {
    /// A context whose Dockerfile comes from elsewhere.
    pub fn of_context(context: &Path) -> Result<Self> {
        Ok(Self {
            folder: folder(context)?,
            dockerfile: "Dockerfile".into(),
        })
    }

    /// Looks both up.
    pub fn find(context: &Path, dockerfile: Option<&Path>) -> Result<Self> {
        let folder = folder(context)?;
        let asked = dockerfile.unwrap_or(Path::new("Dockerfile"));
        // As in `docker build`, `-f` starts where the command was started; inside the context is taken too.
        let beside = dockerfile.filter(|path| path.is_file()).map(Path::to_owned);
        let path = beside.unwrap_or_else(|| folder.join(asked));
        if !path.is_file() {
            return Err(CliError::usage_hint(
                format!("there is no Dockerfile {}", path.display()),
                "name it with -f, or name another CONTEXT",
            ));
        }
        let inside = canonical_parent(&path).and_then(|path| path.strip_prefix(&folder).ok().map(Path::to_owned));
        match inside.and_then(|path| slashed(&path)) {
            Some(dockerfile) => Ok(Self { folder, dockerfile }),
            None => Err(CliError::usage_hint(
                format!(
                    "the Dockerfile {} is outside of the context {}",
                    path.display(),
                    folder.display()
                ),
                "copy it into the context, or name a CONTEXT that holds it",
            )),
        }
    }

    /// The context's path in the worker's build folder, if it is there already (`~/build`, also known as `/build`).
    pub fn in_build_folder(&self, build_folders: &[PathBuf]) -> Option<String> {
        let inside = build_folders
            .iter()
            .filter_map(|build| build.canonicalize().ok())
            .find_map(|build| self.folder.strip_prefix(build).ok().map(Path::to_owned))?;
        slashed(&inside)
    }
}

/// The folders that the worker shares with its builder.
pub fn build_folders() -> Vec<PathBuf> {
    let home = std::env::home_dir().map(|home| home.join("build"));
    home.into_iter().chain([PathBuf::from("/build")]).collect()
}

/// The context's folder, without links and `..`.
fn folder(context: &Path) -> Result<PathBuf> {
    let folder = context.canonicalize().map_err(|source| CliError::Io {
        what: format!("cannot use the context {}", context.display()),
        source,
    });
    match folder {
        Ok(folder) if folder.is_dir() => Ok(folder),
        Ok(_) => Err(CliError::usage(format!(
            "the context {} is not a folder",
            context.display()
        ))),
        Err(error) => Err(CliError::usage(error.text())),
    }
}

/// A file's path without links in its folder; the file itself may be a link.
fn canonical_parent(path: &Path) -> Option<PathBuf> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    Some(parent.canonicalize().ok()?.join(path.file_name()?))
}

fn slashed(path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = path
        .components()
        .map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    Some(parts?.join("/"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_dockerfile_is_found_beside_or_inside() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("app/docker")).unwrap();
        fs::write(root.join("app/docker/dev"), "").unwrap();
        fs::write(root.join("outside"), "").unwrap();
        let find = |file: Option<&str>| Local::find(&root.join("app/../app"), file.map(Path::new));
        let wanted = Local {
            folder: root.join("app"),
            dockerfile: "docker/dev".into(),
        };
        assert_eq!(find(Some("docker/dev")).unwrap(), wanted);
        assert_eq!(find(root.join("app/docker/dev").to_str()).unwrap(), wanted);
        for (file, text) in [
            (None, "there is no Dockerfile"),
            (root.join("outside").to_str(), "is outside of the context"),
        ] {
            let error = find(file).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.text().contains(text), "{}", error.text());
        }
        assert_eq!(Local::find(&root.join("none"), None).unwrap_err().exit_code(), 2);
        assert_eq!(Local::find(&root.join("outside"), None).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn a_context_in_the_build_folder_needs_no_upload() {
        let root = tempfile::tempdir().unwrap();
        let build = root.path().join("build");
        fs::create_dir_all(build.join("app/x")).unwrap();
        let local = |path: &str| Local {
            folder: root.path().join(path).canonicalize().unwrap(),
            dockerfile: "Dockerfile".into(),
        };
        let builds = [root.path().join("none"), build.clone()];
        assert_eq!(local("build/app/x").in_build_folder(&builds).as_deref(), Some("app/x"));
        assert_eq!(local("build").in_build_folder(&builds).as_deref(), Some(""));
        assert_eq!(local("").in_build_folder(&builds), None);
    }
}

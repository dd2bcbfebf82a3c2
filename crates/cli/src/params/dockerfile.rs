//! `-f`: a Dockerfile in the context, or its text from elsewhere.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use crate::{
    error::{CliError, Result},
    upload::local::Local,
};

/// More is refused by the console.
const LONGEST: u64 = 512 * 1024;

/// The context and, if it is not in there, the Dockerfile's text.
pub fn find(context: &Path, file: Option<&Path>) -> Result<(Local, Option<String>)> {
    refuse_elsewhere(context, file)?;
    match file {
        Some(file) if file == Path::new("-") => Ok((Local::of_context(context)?, Some(text(file)?))),
        Some(file) if is_outside(context, file) => Ok((Local::of_context(context)?, Some(text(file)?))),
        file => Ok((Local::find(context, file)?, None)),
    }
}

/// Contexts that `docker build` takes and this does not.
fn refuse_elsewhere(context: &Path, file: Option<&Path>) -> Result<()> {
    let name = context.to_string_lossy();
    if name == "-" {
        return Err(CliError::usage_hint(
            "the context - (standard input) is not taken",
            if file.is_none() {
                "for a Dockerfile alone: prtcli build -f - EMPTY_FOLDER; for a tar archive: unpack it (mkdir ctx; tar -xf - -C ctx) and \
                 build the folder"
            } else {
                "unpack the archive (mkdir ctx; tar -xf - -C ctx) and build the folder"
            },
        ));
    }
    let remote = ["https://", "http://", "git://", "ssh://", "git@", "github.com/"];
    if remote.iter().any(|start| name.starts_with(start)) && !context.exists() {
        return Err(CliError::usage_hint(
            format!("the context {name} is not a folder here"),
            "clone or download it first (git clone URL ctx), and build the folder",
        ));
    }
    Ok(())
}

/// As in `docker build`, `-f` starts where the command was started.
fn is_outside(context: &Path, file: &Path) -> bool {
    let folder = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .map_or_else(|| PathBuf::from("."), Path::to_owned);
    match (folder.canonicalize(), context.canonicalize()) {
        (Ok(folder), Ok(context)) => file.is_file() && !folder.starts_with(context),
        _ => false,
    }
}

fn text(file: &Path) -> Result<String> {
    let (what, read): (String, Box<dyn std::io::Read>) = if file == Path::new("-") {
        (
            "the Dockerfile from standard input".to_owned(),
            Box::new(std::io::stdin()),
        )
    } else {
        let what = format!("the Dockerfile {}", file.display());
        let opened = std::fs::File::open(file).map_err(|source| CliError::Io {
            what: format!("cannot read {what}"),
            source,
        })?;
        (what, Box::new(opened))
    };
    let mut bytes = Vec::new();
    read.take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| CliError::Io {
            what: format!("cannot read {what}"),
            source,
        })?;
    if bytes.len() as u64 > LONGEST {
        return Err(CliError::usage(format!("{what} is longer than {} KiB", LONGEST / 1024)));
    }
    match String::from_utf8(bytes) {
        Ok(text) if text.trim().is_empty() => Err(CliError::usage(format!("{what} is empty"))),
        Ok(text) => Ok(text),
        Err(_) => Err(CliError::usage(format!("{what} is not text in UTF-8"))),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_dockerfile_outside_of_the_context_is_read_here() {
        let root = tempfile::tempdir().unwrap();
        let (context, outside) = (root.path().join("app"), root.path().join("Dockerfile.ci"));
        fs::create_dir(&context).unwrap();
        fs::write(&outside, "FROM scratch\n").unwrap();
        let (local, text) = find(&context, Some(&outside)).unwrap();
        assert_eq!(
            (local.dockerfile.as_str(), text.as_deref()),
            ("Dockerfile", Some("FROM scratch\n"))
        );
        fs::write(context.join("dev"), "FROM a\n").unwrap();
        let (local, text) = find(&context, Some(&context.join("dev"))).unwrap();
        assert_eq!((local.dockerfile.as_str(), text), ("dev", None));
        fs::write(&outside, " \n").unwrap();
        assert!(find(&context, Some(&outside)).unwrap_err().text().contains("is empty"));
        fs::write(&outside, vec![b'#'; LONGEST as usize + 1]).unwrap();
        assert!(find(&context, Some(&outside)).unwrap_err().text().contains("512 KiB"));
    }

    #[test]
    fn contexts_from_elsewhere_are_refused_with_advice() {
        for context in [
            "-",
            "https://example.com/a/b.git#main",
            "git@example.com:a/b.git",
            "github.com/a/b",
        ] {
            let error = find(Path::new(context), None).unwrap_err();
            let CliError::Usage { hint, .. } = &error else {
                panic!("{context}")
            };
            assert!(hint.as_ref().unwrap().contains("build the folder"), "{context}");
        }
    }
}

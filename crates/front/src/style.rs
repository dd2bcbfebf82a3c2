//! One style sheet out of many: an `@import "file.css";` line becomes the file.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// The sheet at `path` with its local imports in place, in the order of their lines.
pub fn inline(path: &Path) -> Result<String> {
    let mut sheet = String::new();
    append(path, &mut Vec::new(), &mut sheet)?;
    Ok(sheet)
}

fn append(path: &Path, parents: &mut Vec<std::path::PathBuf>, sheet: &mut String) -> Result<()> {
    let path = path
        .canonicalize()
        .with_context(|| format!("style sheet {}", path.display()))?;
    if parents.contains(&path) {
        bail!("style sheet {} imports itself", path.display());
    }
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    parents.push(path.clone());
    for line in text.lines() {
        if let Some(name) = import(line) {
            append(&path.with_file_name(name), parents, sheet)
                .with_context(|| format!("imported by {}", path.display()))?;
        } else {
            sheet.push_str(line);
            sheet.push('\n');
        }
    }
    parents.pop();
    Ok(())
}

/// The file of a plain import line. Imports with a condition, a layer or an URL stay what they are.
fn import(line: &str) -> Option<&str> {
    let rest = line.trim().strip_prefix("@import")?.trim().strip_suffix(';')?.trim();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let name = rest.strip_prefix(quote)?.strip_suffix(quote)?;
    (!name.contains(quote) && !name.contains("://")).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_replaced_in_order_and_relative_to_their_sheet() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("components")).unwrap();
        fs::write(
            dir.path().join("main.css"),
            "@import \"tokens.css\";\n@import 'components/all.css';\nbody {}\n",
        )
        .unwrap();
        fs::write(dir.path().join("tokens.css"), ":root {}\n").unwrap();
        fs::write(dir.path().join("components/all.css"), "@import \"table.css\";\n").unwrap();
        fs::write(dir.path().join("components/table.css"), "table {}").unwrap();
        assert_eq!(
            inline(&dir.path().join("main.css")).unwrap(),
            ":root {}\ntable {}\nbody {}\n"
        );
    }

    #[test]
    fn a_missing_import_names_both_files() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("main.css"), "@import \"gone.css\";\n").unwrap();
        let error = format!("{:#}", inline(&dir.path().join("main.css")).unwrap_err());
        assert!(error.contains("main.css") && error.contains("gone.css"), "{error}");
    }

    #[test]
    fn a_circle_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.css"), "@import \"b.css\";\n").unwrap();
        fs::write(dir.path().join("b.css"), "@import \"a.css\";\n").unwrap();
        assert!(inline(&dir.path().join("a.css")).is_err());
    }

    #[test]
    fn only_plain_imports_are_ours() {
        assert_eq!(import("@import \"a.css\";"), Some("a.css"));
        assert_eq!(import("@import \"a.css\" layer(base);"), None);
        assert_eq!(import("@import \"https://example.com/a.css\";"), None);
        assert_eq!(import("/* @import \"a.css\"; */"), None);
    }
}

//! `.dockerignore`: which paths of a context are not sent. The last pattern that matches a path, or a folder above it, decides.

use crate::pattern::Pattern;

/// A line that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct BadLine {
    line: usize,
    what: String,
}

/// The patterns of a file, in its order.
#[derive(Clone, Debug, Default)]
pub struct Dockerignore {
    /// Pattern, and whether it is an exception (`!`).
    patterns: Vec<(Pattern, bool)>,
}

/// Which patterns match a folder: they match all below it too.
#[derive(Clone, Debug)]
pub struct Matched(Vec<bool>);

impl Dockerignore {
    pub fn parse(text: &str) -> Result<Self, BadLine> {
        let mut patterns = Vec::new();
        for (at, line) in text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate() {
            // Docker looks for `#` before it trims, so ` #x` is a pattern.
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            let line = line.trim();
            let bad = |what: String| BadLine { line: at + 1, what };
            let (text, exception) = match line.strip_prefix('!') {
                Some(rest) => (rest.trim(), true),
                None => (line, false),
            };
            if text.is_empty() {
                return Err(bad("`!` without a pattern".into()));
            }
            let cleaned = clean(text);
            let pattern = match cleaned.strip_prefix('/') {
                Some(relative) if !relative.is_empty() => relative,
                _ => &cleaned,
            };
            let pattern = Pattern::new(pattern).map_err(|error| bad(format!("`{text}`: {error}")))?;
            patterns.push((pattern, exception));
        }
        Ok(Self { patterns })
    }

    /// What is true above the context's root.
    pub fn root(&self) -> Matched {
        Matched(vec![false; self.patterns.len()])
    }

    /// Whether a path is left out, given what its folder matched, and what that means for paths below.
    ///
    /// Done as BuildKit does it, to the letter: a pattern that could not change the outcome for a folder is not looked at and
    /// does not count as the folder's match later. What this sends is thus neither less nor more than what BuildKit reads.
    pub fn check(&self, path: &str, folder: &Matched) -> (bool, Matched) {
        let mut ignored = false;
        let mut matched = self.root();
        for (at, (pattern, exception)) in self.patterns.iter().enumerate() {
            if folder.0[at] || (*exception == ignored && pattern.matches(path)) {
                matched.0[at] = true;
                ignored = !exception;
            }
        }
        (ignored, matched)
    }

    /// Whether something below a folder that is left out may be sent all the same.
    pub fn has_exception_below(&self, folder: &str) -> bool {
        self.patterns
            .iter()
            .any(|(pattern, exception)| *exception && pattern.can_match_below(folder))
    }
}

/// Go's `path.Clean`: the shortest equal path, by text alone.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => _ = parts.pop(),
                _ if rooted => {}
                _ => parts.push(".."),
            },
            part => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".into(),
        (false, false) => parts.join("/"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As the walk does it, folder by folder.
    fn ignored(file: &Dockerignore, path: &str) -> bool {
        let mut matched = file.root();
        for (at, _) in path.match_indices('/') {
            matched = file.check(&path[..at], &matched).1;
        }
        file.check(path, &matched).0
    }

    /// Paths that are sent.
    fn sent<'a>(text: &str, paths: &[&'a str]) -> Vec<&'a str> {
        let file = Dockerignore::parse(text).unwrap();
        paths.iter().copied().filter(|path| !ignored(&file, path)).collect()
    }

    #[test]
    fn a_name_is_one_at_the_root() {
        let paths = ["foo", "foo/x", "bar/foo", "foobar"];
        assert_eq!(sent("foo", &paths), ["bar/foo", "foobar"]);
        assert_eq!(sent("/foo/", &paths), ["bar/foo", "foobar"]);
        assert_eq!(sent("./x/../foo//", &paths), ["bar/foo", "foobar"]);
        assert_eq!(sent("**/foo", &paths), ["foobar"]);
    }

    #[test]
    fn the_last_match_decides() {
        assert_eq!(sent("*.md\n!README.md", &["a.md", "README.md"]), ["README.md"]);
        assert_eq!(sent("!README.md\n*.md", &["a.md", "README.md"]), [""; 0]);
        assert_eq!(
            sent(
                "*.md\n!README*.md\nREADME-secret.md",
                &["README.md", "README-secret.md"]
            ),
            ["README.md"]
        );
        assert_eq!(
            sent("docs\n!docs/keep", &["docs/a", "docs/keep", "docs/keep/b"]),
            ["docs/keep", "docs/keep/b"]
        );
        assert_eq!(sent("*\n! src", &["a", "src", "src/x/y"]), ["src", "src/x/y"]);
        assert_eq!(
            sent("**\n!util/web\nutil/web/foo", &["util/web/foo", "util/web/bar"]),
            ["util/web/bar"]
        );
    }

    #[test]
    fn quirks_are_buildkits() {
        assert_eq!(sent("*/b\n!a", &["a/b"]), [""; 0]);
        assert_eq!(sent("a\n!a/b\n**/a", &["a/b", "a/c"]), ["a/b"]);
    }

    #[test]
    fn comments_blanks_marks_and_line_ends() {
        let text = "\u{feff}# comment\r\n\r\n   \r\n  a  \r\n #b\r\n";
        assert_eq!(sent(text, &["a", "b", "#b", "# comment"]), ["b", "# comment"]);
    }

    #[test]
    fn bad_lines_are_told_by_number() {
        assert_eq!(
            Dockerignore::parse("a\n!").unwrap_err().to_string(),
            "line 2: `!` without a pattern"
        );
        assert!(
            Dockerignore::parse("a\n\n[x")
                .unwrap_err()
                .to_string()
                .starts_with("line 3: `[x`")
        );
    }

    #[test]
    fn paths_are_cleaned_as_go_does() {
        for (path, cleaned) in [
            ("a//b/./c/", "a/b/c"),
            ("a/../b", "b"),
            ("../a", "../a"),
            ("a/../../b", "../b"),
            ("/../a", "/a"),
            ("/", "/"),
            (".", "."),
            ("a/..", "."),
            ("./a", "a"),
        ] {
            assert_eq!(clean(path), cleaned, "{path}");
        }
    }

    proptest! {
        /// Without exceptions the order does not matter: any pattern that matches the path or one of its folders.
        #[test]
        fn walking_agrees_with_the_definition(lines in prop::collection::vec("(a|b|c|\\*|\\*\\*)(/(a|b|\\*|\\*\\*)){0,2}", 0..5),
                                              path in "[abc](/[abc]){0,3}") {
            let file = Dockerignore::parse(&lines.join("\n")).unwrap();
            let mut prefixes: Vec<&str> = path.match_indices('/').map(|(at, _)| &path[..at]).collect();
            prefixes.push(&path);
            let any = file.patterns.iter().any(|(pattern, _)| prefixes.iter().any(|path| pattern.matches(path)));
            prop_assert_eq!(ignored(&file, &path), any);
        }

        /// An exception for a path at the end always brings it back.
        #[test]
        fn a_last_exception_brings_back(lines in prop::collection::vec("!?(a|b|c|\\*|\\*\\*)(/(a|b|\\*|\\*\\*)){0,2}", 0..5),
                                        path in "[abc](/[abc]){0,3}") {
            let file = Dockerignore::parse(&format!("{}\n!{path}", lines.join("\n"))).unwrap();
            prop_assert!(!ignored(&file, &path));
        }

        #[test]
        fn no_file_makes_it_panic(text in any::<String>()) {
            _ = Dockerignore::parse(&text);
        }
    }
}

//! Which program reads a Dockerfile: the builder's own, or an image that the Dockerfile or a build argument names.
//!
//! A frontend takes part in the build's session, so an image of somebody's own could ask for the passwords that the build uses. Which
//! images are named is found by BuildKit's rules (`parser.DetectSyntax`): each line that it would read as a directive is read here.

use std::sync::LazyLock;

use oci_spec::distribution::Reference;
use regex::Regex;

/// The build argument that names a frontend before any line of the Dockerfile does.
pub const SYNTAX_ARG: &str = "BUILDKIT_SYNTAX";

const DIRECTIVES: [&str; 3] = ["syntax", "escape", "check"];

static DIRECTIVE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=[\t\n\f\r ]*(.+?)[\t\n\f\r ]*$").ok());

/// The image that a Dockerfile names as its frontend, as it is written there.
pub fn of_dockerfile(text: &str) -> Option<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = match text.split_once('\n') {
        Some((first, rest)) if first.starts_with("#!") => rest,
        None if text.starts_with("#!") => "",
        _ => text,
    };
    in_comments(text, "#")
        .or_else(|| in_comments(text, "//"))
        .or_else(|| in_json(text))
}

/// The image that a value of [`SYNTAX_ARG`] names.
pub fn of_argument(value: &str) -> &str {
    value.trim().split(' ').next().unwrap_or_default()
}

/// `host/repository` of an image, without tag and digest, with Docker Hub written out; or why it is no image.
pub fn name(image: &str) -> Result<String, String> {
    let parsed: Reference = image
        .parse()
        .map_err(|error: oci_spec::distribution::ParseError| format!("{image:?} is no image name: {error}"))?;
    Ok(format!("{}/{}", parsed.registry(), parsed.repository()))
}

/// The name of an image as settings have it: one with a tag would seem to allow that tag only.
pub fn setting(image: &str) -> Result<String, String> {
    let last = image.rsplit('/').next().unwrap_or_default();
    if last.contains([':', '@']) {
        return Err(format!(
            "{image:?} has a tag or digest; write the name alone, all its versions are allowed"
        ));
    }
    name(image)
}

/// How people write it: without the part that Docker leaves out.
pub fn short(name: &str) -> &str {
    name.strip_prefix("docker.io/").unwrap_or(name)
}

fn in_comments(text: &str, comment: &str) -> Option<String> {
    let directive = DIRECTIVE.as_ref()?;
    let (mut seen, mut found) = (vec![], None);
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let Some(rest) = line.strip_prefix(comment) else { break };
        let Some(parts) = directive.captures(rest.trim_start()) else {
            break;
        };
        let key = parts[1].to_ascii_lowercase();
        if !DIRECTIVES.contains(&key.as_str()) || seen.contains(&key) {
            break;
        }
        if key == "syntax" {
            found = parts[2].split(' ').next().map(str::to_owned);
        }
        seen.push(key);
    }
    found
}

/// A file that is a JSON object. One that cannot be read counts as naming what it begins with: BuildKit's reader takes some texts that
/// this one does not, and no Dockerfile begins with a brace.
fn in_json(text: &str) -> Option<String> {
    if !text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{') {
        return None;
    }
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text) {
        Ok(object) => object.get("syntax")?.as_str().map(str::to_owned),
        Err(_) => Some("{".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_found_in_all_forms_that_buildkit_reads() {
        for text in [
            "# syntax=evil.example.com/x:1\nFROM a",
            "#syntax=evil.example.com/x:1",
            "#  Syntax  =  evil.example.com/x:1  \r\nFROM a",
            "#\u{a0}\u{2003}SYNTAX=evil.example.com/x:1 with=more words",
            "\u{feff}# syntax=evil.example.com/x:1",
            "#!/usr/bin/env docker\n# syntax=evil.example.com/x:1",
            "\u{feff}#!/x\n// syntax=evil.example.com/x:1",
            "# escape=`\n# check=skip=all\n# syntax=evil.example.com/x:1",
            "# syntax=evil.example.com/x:1\n# syntax=docker/dockerfile:1",
            "// syntax=evil.example.com/x:1\npackage main",
            "{\"syntax\": \"evil.example.com/x:1\"}",
            "\n\t {\"a\": 1, \"syntax\": \"evil.example.com/x:1\"}\n",
            "#!/x\n{\"syntax\": \"docker/dockerfile\", \"\\u0073yntax\": \"evil.example.com/x:1\"}",
        ] {
            assert_eq!(of_dockerfile(text).as_deref(), Some("evil.example.com/x:1"), "{text:?}");
        }
    }

    #[test]
    fn what_buildkit_takes_as_a_comment_names_nothing() {
        for text in [
            "FROM a",
            "",
            "#!/x",
            "\n# syntax=evil.example.com/x",
            " # syntax=evil.example.com/x",
            "# a comment\n# syntax=evil.example.com/x",
            "# author=me\n# syntax=evil.example.com/x",
            "# check=a\n# check=b\n# syntax=evil.example.com/x",
            "# syntax evil.example.com/x",
            "# syntax=\nFROM a",
            "FROM a\n# syntax=evil.example.com/x",
            "{\"Syntax\": \"evil.example.com/x\"}",
        ] {
            assert_eq!(of_dockerfile(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_object_that_only_buildkit_can_read_is_not_taken_for_a_dockerfile() {
        let deep = format!("{{\"syntax\": \"x\", \"a\": {}{}}}", "[".repeat(200), "]".repeat(200));
        for text in ["{\"a\": \"\\ud800\", \"syntax\": \"evil.example.com/x\"}", &deep] {
            let image = of_dockerfile(text).unwrap();
            assert!(name(&image).is_err(), "{image}");
        }
    }

    #[test]
    fn names_are_compared_without_tag_and_in_full() {
        for image in [
            "docker/dockerfile",
            "docker/dockerfile:1.7-labs",
            "docker.io/docker/dockerfile:1",
            "index.docker.io/docker/dockerfile",
            "docker/dockerfile@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ] {
            assert_eq!(name(image).as_deref(), Ok("docker.io/docker/dockerfile"), "{image}");
        }
        for image in [
            "docker/dockerfile-upstream:master",
            "evil.example.com/docker/dockerfile",
            "docker.io.evil.example.com/docker/dockerfile:1",
            "localhost:5000/docker/dockerfile",
            "dockerfile",
            "Docker/dockerfile",
        ] {
            assert_ne!(name(image).unwrap(), "docker.io/docker/dockerfile", "{image}");
        }
        assert!(name("").is_err() && name("a b").is_err());
        assert_eq!(of_argument(" docker/dockerfile:1  x y "), "docker/dockerfile:1");
        assert!(setting("docker/dockerfile:1").unwrap_err().contains("has a tag"));
        assert_eq!(setting("r.io:5000/a/b").as_deref(), Ok("r.io:5000/a/b"));
    }
}

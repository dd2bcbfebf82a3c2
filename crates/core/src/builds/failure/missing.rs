//! A file that a step copies and that is not there: where it was looked for.

use prt_types::builds::BuildReason;

use super::{Case, Failure, text};

impl Case<'_> {
    pub(super) fn missing(&self) -> Option<Failure> {
        let path = text::missing_path(self.cause)?;
        let (step, place) = (self.step(), self.place());
        let (_, instruction) = step.split_once("] ")?;
        let words: Vec<&str> = instruction.split(' ').collect();
        let why = if let Some(outside) = leading_out(&words, &path) {
            format!(
                "the path {outside} leads out of the build context. Only what is in the context can be copied: move it there, or choose a \
                 context that contains it."
            )
        } else if let Some(from) = source(&words) {
            format!(
                "there is no {path} in {}. Check the path; in --from it begins at the root of the stage or image.",
                self.file.source_words(from)
            )
        } else {
            format!(
                "there is no {} in the context. Put it into the build folder, and check whether .dockerignore leaves it out.",
                path.trim_start_matches('/')
            )
        };
        Some((BuildReason::StepFailed, format!("{step}{place}: {why}")))
    }
}

/// What follows `--from=`, or `from=` in a mount.
fn source<'a>(words: &[&'a str]) -> Option<&'a str> {
    words.iter().find_map(|word| {
        word.strip_prefix("--from=").or_else(|| {
            let mount = word.strip_prefix("--mount=")?;
            mount.split(',').find_map(|part| part.strip_prefix("from="))
        })
    })
}

/// The source among an instruction's words that was meant by `path` and climbs above the context; BuildKit stops at its root.
fn leading_out<'a>(words: &[&'a str], path: &str) -> Option<&'a str> {
    words
        .iter()
        .copied()
        .map(|word| word.trim_end_matches(',').trim_start_matches('['))
        .find(|word| {
            let mut kept: Vec<&str> = vec![];
            let mut climbs = false;
            for part in word.split('/') {
                match part {
                    "" | "." => {}
                    ".." => climbs |= kept.pop().is_none(),
                    part => kept.push(part),
                }
            }
            climbs && format!("/{}", kept.join("/")) == path
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_climbs_leads_out() {
        let words: Vec<&str> = "COPY a/../../secret ./x/../y /z".split(' ').collect();
        assert_eq!(leading_out(&words, "/secret"), Some("a/../../secret"));
        assert_eq!(leading_out(&words, "/y"), None);
        let json: Vec<&str> = "COPY [../b, /z]".split(' ').collect();
        assert_eq!(leading_out(&json, "/b"), Some("../b"));
        assert_eq!(source(&["RUN", "--mount=type=bind,from=one,source=x"]), Some("one"));
    }
}

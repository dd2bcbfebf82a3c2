//! Where in the Dockerfile a step stands. BuildKit tells it for most errors; for downloads, rights and checks it does not.

/// An instruction of a Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    /// Its first line, from 1.
    pub line: u32,
    /// In capitals.
    pub keyword: String,
    /// What follows, without line ends and comments.
    pub rest: String,
    /// Number of its stage; those before the first `FROM` have none.
    pub stage: Option<usize>,
}

/// The instructions of a Dockerfile.
#[derive(Clone, Debug, Default)]
pub(super) struct Dockerfile(Vec<Instruction>);

impl Dockerfile {
    pub fn read(text: &str) -> Self {
        let escape = if text.lines().take_while(|line| line.starts_with('#')).any(|line| {
            let directive: String = line.chars().filter(|c| !c.is_whitespace()).collect();
            directive.eq_ignore_ascii_case("#escape=`")
        }) {
            '`'
        } else {
            '\\'
        };
        let mut found: Vec<Instruction> = vec![];
        let mut stages = 0;
        let mut lines = (1..).zip(text.lines());
        while let Some((number, line)) = lines.next() {
            if is_blank_or_comment(line) {
                continue;
            }
            let mut whole = String::new();
            let mut part = line;
            loop {
                let Some(begun) = part.trim_end().strip_suffix(escape) else {
                    whole.push_str(part.trim());
                    break;
                };
                whole.push_str(begun.trim());
                whole.push(' ');
                match lines.find(|(_, line)| !is_blank_or_comment(line)) {
                    Some((_, next)) => part = next,
                    None => break,
                }
            }
            for end in heredocs(&whole) {
                lines.by_ref().find(|(_, line)| line.trim_start_matches('\t') == end);
            }
            let (keyword, rest) = whole.split_once(char::is_whitespace).unwrap_or((&whole, ""));
            let keyword = keyword.to_uppercase();
            stages += usize::from(keyword == "FROM");
            found.push(Instruction {
                line: number,
                keyword,
                rest: rest.split_whitespace().collect::<Vec<_>>().join(" "),
                stage: stages.checked_sub(1),
            });
        }
        Self(found)
    }

    /// The instruction of a step's name: `[stage-1 2/3] ADD https://… /x`.
    pub fn of_step(&self, name: &str) -> Option<&Instruction> {
        let (head, text) = name.strip_prefix('[')?.split_once("] ")?;
        let (keyword, rest) = text.split_once(' ').unwrap_or((text, ""));
        let alike: Vec<&Instruction> = self.0.iter().filter(|one| one.keyword == keyword).collect();
        let same: Vec<&&Instruction> = alike.iter().filter(|one| one.rest == rest).collect();
        if let [only] = same[..] {
            return Some(only);
        }
        // `builder 2/3`: the name of the stage, and the number of the step in it. Variables are replaced in the text.
        let (stage, number) = head.rsplit_once(' ').unwrap_or(("", head));
        let number: usize = number.split_once('/')?.0.parse().ok()?;
        let stage = match stage.rsplit(' ').next().unwrap_or_default() {
            "" => 0,
            name => self.stage(name.strip_prefix("stage-").unwrap_or(name))?,
        };
        let of_stage = || self.0.iter().filter(move |one| one.stage == Some(stage));
        // A base that is an image counts as a step; nothing, and another stage, do not.
        let base = image_of(of_stage().next()?);
        let counted = usize::from(base != "scratch" && self.stage_named(base, stage).is_none());
        of_stage()
            .filter(|one| matches!(one.keyword.as_str(), "RUN" | "COPY" | "ADD" | "WORKDIR"))
            .nth(number.checked_sub(counted + 1)?)
            .filter(|one| one.keyword == keyword)
    }

    /// The first instruction of a kind with an option, e.g. `RUN` with `--network=host`.
    pub fn with_option(&self, keyword: &str, option: &str) -> Option<&Instruction> {
        self.0
            .iter()
            .find(|one| one.keyword == keyword && one.rest.split(' ').any(|word| word == option))
    }

    /// The image that the stage of a line is based on, and where that is said.
    pub fn base_of(&self, line: u32) -> Option<(&str, u32)> {
        let stage = self.0.iter().rev().find(|one| one.line <= line)?.stage?;
        self.base_of_stage(stage)
    }

    fn base_of_stage(&self, stage: usize) -> Option<(&str, u32)> {
        let from = self.froms().nth(stage)?;
        let image = image_of(from);
        match self.stage_named(image, stage) {
            Some(earlier) => self.base_of_stage(earlier),
            None => Some((image, from.line)),
        }
    }

    /// Where an image is named, as `BuildKit` writes its reference.
    pub fn line_of_image(&self, reference: &str) -> Option<u32> {
        let same = |word: &str| !word.is_empty() && (reference == word || canonical(word) == canonical(reference));
        self.0
            .iter()
            .find(|one| match one.keyword.as_str() {
                "FROM" => same(image_of(one)),
                "COPY" | "RUN" => one.rest.split([' ', ',']).any(|word| {
                    word.strip_prefix("--from=")
                        .or_else(|| word.strip_prefix("from="))
                        .is_some_and(same)
                }),
                _ => false,
            })
            .map(|one| one.line)
    }

    /// What `--from=…` of a step's text means, in words.
    pub fn source_words(&self, from: &str) -> String {
        match (from.parse::<usize>(), self.stage(from)) {
            (Ok(number), _) => match self.froms().nth(number).and_then(name_of) {
                Some(name) => format!("the stage {number} ({name})"),
                None => format!("the stage {number}"),
            },
            (Err(_), Some(_)) => format!("the stage {from}"),
            (Err(_), None) => format!("the image {from}"),
        }
    }

    /// Whether a stage has this name.
    pub fn has_stage(&self, name: &str) -> bool {
        self.froms()
            .any(|from| name_of(from).is_some_and(|own| own.eq_ignore_ascii_case(name)))
    }

    fn froms(&self) -> impl Iterator<Item = &Instruction> {
        self.0.iter().filter(|one| one.keyword == "FROM")
    }

    /// By its name or number.
    fn stage(&self, name: &str) -> Option<usize> {
        let named = |from: &Instruction| name_of(from).is_some_and(|own| own.eq_ignore_ascii_case(name));
        self.froms().position(named).or_else(|| name.parse().ok())
    }

    /// By its name, among those before another.
    fn stage_named(&self, name: &str, before: usize) -> Option<usize> {
        self.froms()
            .take(before)
            .position(|from| name_of(from).is_some_and(|own| own.eq_ignore_ascii_case(name)))
    }
}

fn is_blank_or_comment(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

/// What ends the texts that follow an instruction: `<<EOF`, `<<-"EOF"`.
fn heredocs(line: &str) -> Vec<&str> {
    if !["RUN ", "COPY ", "ADD "].iter().any(|keyword| {
        line.get(..keyword.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(keyword))
    }) {
        return vec![];
    }
    line.split_whitespace()
        .filter_map(|word| {
            let name = word
                .trim_start_matches(|c: char| c.is_ascii_digit())
                .strip_prefix("<<")?;
            let name = name.strip_prefix('-').unwrap_or(name).trim_matches(['"', '\'']);
            let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            is_name.then_some(name)
        })
        .collect()
}

/// The image of a `FROM`.
fn image_of(from: &Instruction) -> &str {
    from.rest
        .split(' ')
        .find(|word| !word.starts_with("--"))
        .unwrap_or_default()
}

/// The name of a `FROM … AS name`.
fn name_of(from: &Instruction) -> Option<&str> {
    let mut words = from.rest.split(' ').rev();
    let name = words.next()?;
    words
        .next()
        .filter(|word| word.eq_ignore_ascii_case("as"))
        .map(|_| name)
}

/// Docker Hub's images have short names.
fn canonical(reference: &str) -> String {
    let reference = reference.strip_prefix("docker.io/").unwrap_or(reference);
    let reference = reference.strip_prefix("library/").unwrap_or(reference);
    let last = reference.rsplit('/').next().unwrap_or_default();
    if last.contains([':', '@']) {
        reference.to_owned()
    } else {
        format!("{reference}:latest")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# syntax=x\nARG V=1\nFROM alpine AS one\nRUN echo a && \\\n  # why\n  echo b\n\nRUN <<EOT\nFROM not\nEOT\n\
                        COPY --chmod=755 a /b\nFROM one\nADD http://h/${V} /x\nRUN --network=host true\nFROM scratch AS three\n\
                        COPY --from=one /nope /x\n";

    #[test]
    fn instructions_have_their_first_line() {
        let file = Dockerfile::read(TEXT);
        let lines: Vec<(u32, &str)> = file.0.iter().map(|one| (one.line, one.keyword.as_str())).collect();
        let wanted = [
            (2, "ARG"),
            (3, "FROM"),
            (4, "RUN"),
            (8, "RUN"),
            (11, "COPY"),
            (12, "FROM"),
            (13, "ADD"),
            (14, "RUN"),
            (15, "FROM"),
            (16, "COPY"),
        ];
        assert_eq!(lines, wanted);
        assert_eq!(file.0[2].rest, "echo a && echo b");
    }

    #[test]
    fn steps_images_and_stages_are_found() {
        let file = Dockerfile::read(TEXT);
        let line = |step: &str| file.of_step(step).map(|one| one.line);
        assert_eq!(line("[one 4/4] COPY --chmod=755 a /b"), Some(11));
        // By its number: the variable is replaced in the name.
        assert_eq!(line("[stage-1 1/2] ADD http://h/1 /x"), Some(13));
        assert_eq!(line("[three 1/1] COPY --from=one /nope /x"), Some(16));
        assert_eq!(line("[internal] load metadata for x"), None);
        assert_eq!(file.with_option("RUN", "--network=host").unwrap().line, 14);
        assert_eq!(file.line_of_image("docker.io/library/alpine:latest"), Some(3));
        assert_eq!(file.base_of(14), Some(("alpine", 3)));
        assert_eq!(file.source_words("0"), "the stage 0 (one)");
        assert_eq!(file.source_words("one"), "the stage one");
        assert_eq!(file.source_words("alpine"), "the image alpine");
        assert!(file.has_stage("three") && !file.has_stage("two"));
    }
}

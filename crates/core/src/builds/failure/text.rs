//! The grammar of BuildKit's errors.
//!
//! `buildctl` ends with the place in the Dockerfile and a line that begins with `error: `. What wraps an error stands before it, its
//! cause last, and what the user wrote is quoted as Go quotes text. So each part is read at its place and nothing is searched in what a
//! user or a registry wrote.

/// What `buildctl` printed after the progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told<'a> {
    /// File and line in the Dockerfile.
    pub place: Option<(&'a str, u32)>,
    /// The error of the build. Registries' words can make it several lines.
    pub error: &'a str,
    /// Whether it came from the build and not from the way to it.
    pub of_solve: bool,
}

impl<'a> Told<'a> {
    pub fn read(text: &'a str) -> Self {
        const BEGIN: &str = "error: ";
        // The first one: what follows it may be a registry's words.
        let at = if text.starts_with(BEGIN) {
            Some(0)
        } else {
            text.find("\nerror: ").map(|at| at + 1)
        };
        let (before, error) = match at {
            Some(at) => (&text[..at], text[at + BEGIN.len()..].trim()),
            None => ("", text.trim()),
        };
        let solved = error.strip_prefix("failed to solve: ");
        Self {
            place: place(before),
            error: cause(solved.unwrap_or(error)),
            of_solve: solved.is_some(),
        }
    }
}

/// `Dockerfile:3` above the excerpt.
fn place(text: &str) -> Option<(&str, u32)> {
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let excerpt = lines.peek().is_some_and(|next| next.starts_with("-----"));
        let place = line.rsplit_once(':').filter(|_| excerpt);
        if let Some((file, line)) = place.and_then(|(file, line)| Some((file, line.trim().parse().ok()?))) {
            return Some((file, line));
        }
    }
    None
}

/// Without what BuildKit puts before a step's own error.
pub(super) fn cause(error: &str) -> &str {
    const BEFORE: [&str; 10] = [
        "failed to compute cache key: ",
        "failed to load cache key: ",
        "failed to load LLB: ",
        "Canceled: ",
        "DeadlineExceeded: ",
        "FailedPrecondition: ",
        "Internal: ",
        "InvalidArgument: ",
        "ResourceExhausted: ",
        "Unknown: ",
    ];
    let mut error = error.trim();
    while let Some(rest) = BEFORE.iter().find_map(|before| error.strip_prefix(before)) {
        error = rest;
    }
    error
}

/// How a step's command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Process<'a> {
    /// With an exit code.
    Code(i64),
    /// BuildKit saw in the step's own control group that it was killed for memory.
    OutOfMemory,
    /// It never began.
    NotStarted(&'a str),
}

/// `process "/bin/sh -c …" did not complete successfully: exit code: 3`.
pub(super) fn process(cause: &str) -> Option<Process<'_>> {
    const AFTER: &str = " did not complete successfully: ";
    let quoted = cause.strip_prefix("process ")?;
    let rest = after_quoted(quoted)
        .and_then(|rest| rest.strip_prefix(AFTER))
        // Where a secret was masked, the quotation may not be whole.
        .or_else(|| Some(&quoted[quoted.rfind(AFTER)? + AFTER.len()..]))?;
    Some(match rest.strip_prefix("exit code: ") {
        Some(code) => Process::Code(code.split(':').next()?.trim().parse().ok()?),
        None if rest == "cannot allocate memory" => Process::OutOfMemory,
        None => Process::NotStarted(rest),
    })
}

/// What follows a text that Go has quoted.
fn after_quoted(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('"')?;
    let mut escaped = false;
    for (at, c) in inner.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(&inner[at + 1..]),
            _ => {}
        }
    }
    None
}

/// The path of `failed to calculate checksum of ref …: "/nope.txt": not found`, or of `lstat /nope.txt: no such file or directory`.
pub(super) fn missing_path(cause: &str) -> Option<String> {
    if let Some(rest) = cause.strip_prefix("failed to calculate checksum of ref ") {
        let (_, rest) = rest.split_once(": ")?;
        let quoted = rest.strip_suffix(": not found")?;
        return Some(serde_json::from_str(quoted).unwrap_or_else(|_| quoted.trim_matches('"').to_owned()));
    }
    let path = cause
        .strip_prefix("lstat ")?
        .strip_suffix(": no such file or directory")?;
    Some(path.to_owned())
}

/// The right of `network.host is not allowed`.
pub(super) fn forbidden_right(cause: &str) -> Option<&str> {
    let right = cause.strip_suffix(" is not allowed")?;
    ["network.host", "security.insecure", "device"]
        .into_iter()
        .find(|known| *known == right)
}

/// Splits off `(did you mean builder?)`.
pub(super) fn suggestion(error: &str) -> (&str, Option<&str>) {
    let parts = error
        .strip_suffix("?)")
        .and_then(|rest| rest.rsplit_once(" (did you mean "));
    match parts {
        Some((error, word)) => (error, Some(word)),
        None => (error, None),
    }
}

/// Whether the connection to BuildKit broke or never came about.
pub(super) fn lost(told: &Told<'_>) -> bool {
    const BEGIN: [&str; 6] = [
        "failed to receive status: ",
        "failed to get status: ",
        "listing workers for Build: ",
        "failed to list workers: ",
        "Unavailable: ",
        "rpc error: code = Unavailable ",
    ];
    BEGIN.iter().any(|begin| told.error.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quoted_command_is_never_read() {
        let ended = |command: &str, end: &str| {
            process(&format!("process \"{command}\" did not complete successfully: {end}")).map(|ended| match ended {
                Process::Code(code) => code,
                Process::OutOfMemory => -1,
                Process::NotStarted(_) => -2,
            })
        };
        assert_eq!(ended("/bin/sh -c exit 3", "exit code: 3"), Some(3));
        let tricky = r#"/bin/sh -c echo 'a\" did not complete successfully: exit code: 137'; exit 3"#;
        assert_eq!(ended(tricky, "exit code: 3"), Some(3));
        assert_eq!(
            ended("x", "exit code: 137: context canceled: context canceled"),
            Some(137)
        );
        assert_eq!(ended("x", "cannot allocate memory"), Some(-1));
        assert_eq!(
            ended("x", "unable to find user nobody9: no matching entries in passwd file"),
            Some(-2)
        );
        // A masked secret has taken the end of the quotation along.
        assert_eq!(ended("echo ***\\", "exit code: 4"), Some(4));
        assert_eq!(
            process("lstat process \"x\" did not complete successfully: exit code: 3"),
            None
        );
    }

    #[test]
    fn places_and_errors_are_told_apart() {
        let told = Told::read(
            "Dockerfile:2\n--------------------\n   1 |     FROM x\n   2 | >>> RUN echo; false\n\
             --------------------\nerror: failed to solve: a\ndenied: b\nerror: failed to solve: c",
        );
        assert_eq!(told.place, Some(("Dockerfile", 2)));
        assert_eq!(told.error, "a\ndenied: b\nerror: failed to solve: c");
        assert!(told.of_solve);
        let told = Told::read("error: failed to receive status: rpc error: code = Unavailable desc = x");
        assert!(!told.of_solve && lost(&told) && told.place.is_none());
        let told = Told::read(
            "error: failed to solve: ResourceExhausted: failed to load cache key: write /x: no space left on device",
        );
        assert_eq!(told.error, "write /x: no space left on device");
        assert_eq!(
            missing_path("failed to calculate checksum of ref a::b: \"/no \\\"pe\": not found").as_deref(),
            Some("/no \"pe")
        );
        assert_eq!(
            missing_path("lstat /nope: no such file or directory").as_deref(),
            Some("/nope")
        );
        assert_eq!(suggestion("x: y (did you mean builder?)"), ("x: y", Some("builder")));
        assert_eq!(forbidden_right("network.host is not allowed"), Some("network.host"));
        assert_eq!(forbidden_right("x network.host is not allowed"), None);
    }
}

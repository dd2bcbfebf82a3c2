//! A registry's answer in its own words: <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes>.

/// Codes of the specification and of `distribution`, which most registries are or follow. Programs write them in lower case, with spaces.
const CODES: [&str; 20] = [
    "BLOB_UNKNOWN",
    "BLOB_UPLOAD_INVALID",
    "BLOB_UPLOAD_UNKNOWN",
    "DENIED",
    "DIGEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_UNKNOWN",
    "MANIFEST_UNVERIFIED",
    "NAME_INVALID",
    "NAME_UNKNOWN",
    "PAGINATION_NUMBER_INVALID",
    "RANGE_INVALID",
    "SIZE_INVALID",
    "TAG_INVALID",
    "TOOMANYREQUESTS",
    "UNAUTHORIZED",
    "UNAVAILABLE",
    "UNKNOWN",
    "UNSUPPORTED",
];
/// More than this of what a registry says is not shown.
const LONGEST: usize = 300;

/// Status, code and message of a registry; each may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub status: Option<u16>,
    /// The code, as the specification writes it.
    pub code: Option<String>,
    /// Its message, in one line.
    pub message: Option<String>,
}

impl Answer {
    /// From the body of a refusal.
    pub fn of_body(status: u16, body: &[u8]) -> Self {
        let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let first = &json["errors"][0];
        let text = |name: &str| first[name].as_str().map(one_line).filter(|text| !text.is_empty());
        let message = text("message").or_else(|| first["detail"].as_str().map(one_line));
        // A page or a plain sentence is an answer as well, unless it is markup.
        let plain = || {
            let text = std::str::from_utf8(body).ok()?.trim();
            (json.is_null() && !text.is_empty() && !text.starts_with('<')).then(|| one_line(text))
        };
        Self {
            status: Some(status),
            code: text("code"),
            message: message.or_else(plain),
        }
    }

    /// From `name unknown: create it first`, as Go programs print it. `None` if it begins with no code.
    pub fn of_text(text: &str) -> Option<Self> {
        // Several errors stand on lines of their own below this word.
        let text = text.strip_prefix("errors:\n").unwrap_or(text);
        let line = text.lines().next().unwrap_or_default();
        let (written, message) = line.split_once(':').unwrap_or((line, ""));
        let code = CODES
            .into_iter()
            .find(|code| code.to_lowercase().replace('_', " ") == written)?;
        let message = one_line(message);
        // Without a message of its own the error is only its code, told twice.
        let repeated = message == written;
        Some(Self {
            status: None,
            code: Some(code.to_owned()),
            message: (!message.is_empty() && !repeated).then_some(message),
        })
    }

    /// `DENIED: would exceed the quota`, `503 Service Unavailable: read-only, back at 18:00`.
    pub fn words(&self) -> Option<String> {
        // What a program does not know it calls UNKNOWN; the status says more.
        let code = self
            .code
            .as_deref()
            .filter(|code| *code != "UNKNOWN" || self.status.is_none());
        let head = match (code, self.status) {
            (Some(code), _) => Some(code.to_owned()),
            (None, Some(status)) => Some(status_words(status)),
            (None, None) => None,
        };
        match (head, &self.message) {
            (Some(head), Some(message)) => Some(format!("{head}: {message}")),
            (Some(only), None) => Some(only),
            (None, message) => message.clone(),
        }
    }
}

fn status_words(status: u16) -> String {
    let reason = http_reason(status);
    if reason.is_empty() {
        format!("HTTP status {status}")
    } else {
        format!("{status} {reason}")
    }
}

/// The statuses that registries refuse with.
fn http_reason(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        409 => "Conflict",
        412 => "Precondition Failed",
        413 => "Payload Too Large",
        415 => "Unsupported Media Type",
        429 => "Too Many Requests",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        507 => "Insufficient Storage",
        _ => "",
    }
}

/// In one line, without what a terminal would obey, no full stop at the end, and no longer than a page can show.
pub(super) fn one_line(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect::<String>()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let text = text.trim_end_matches('.');
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_registries_are_read() {
        let words = |status, body: &str| Answer::of_body(status, body.as_bytes()).words().unwrap();
        let name = r#"{"errors":[{"code":"NAME_UNKNOWN","message":"create it first in the portal."}]}"#;
        assert_eq!(words(404, name), "NAME_UNKNOWN: create it first in the portal");
        assert_eq!(words(403, r#"{"errors":[{"code":"DENIED"}]}"#), "DENIED");
        assert_eq!(
            words(503, "read-only,\nback at 18:00"),
            "503 Service Unavailable: read-only, back at 18:00"
        );
        assert_eq!(words(502, "<html>"), "502 Bad Gateway");
        assert_eq!(words(404, r#"{"error":"no"}"#), "404 Not Found");
        assert_eq!(words(599, ""), "HTTP status 599");
        let evil = "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"a\\u001b[2Jb\\nerror: c\"}]}";
        assert_eq!(words(403, evil), "DENIED: a [2Jb error: c");
    }

    #[test]
    fn codes_as_programs_print_them() {
        let words = |text: &str| Answer::of_text(text).and_then(|answer| answer.words());
        assert_eq!(
            words("denied: would exceed the quota").unwrap(),
            "DENIED: would exceed the quota"
        );
        assert_eq!(words("manifest unknown: manifest unknown").unwrap(), "MANIFEST_UNKNOWN");
        assert_eq!(words("toomanyrequests").unwrap(), "TOOMANYREQUESTS");
        assert_eq!(
            words("errors:\ndenied: one\nunauthorized: two\n").unwrap(),
            "DENIED: one"
        );
        assert_eq!(words("it was denied: x"), None);
    }
}

//! A value written as JSON or as a Python literal, and what the parameters make of it.

use std::collections::BTreeMap;

use prt_types::builds::{CredentialUse, RegistryCredential};

use super::py_literal;

/// JSON and Python literals have this in common.
#[derive(Clone, PartialEq, Eq)]
pub enum Literal {
    None,
    Bool(bool),
    /// As written, because it only ever becomes text again.
    Number(String),
    Text(String),
    /// Lists and tuples.
    List(Vec<Literal>),
    Dict(Vec<(Literal, Literal)>),
}

impl std::fmt::Debug for Literal {
    /// The kind only: the value may be a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if cfg!(test) {
            let mut all = f.debug_tuple(self.kind());
            match self {
                Self::Number(text) | Self::Text(text) => all.field(text),
                Self::List(items) => all.field(items),
                Self::Dict(entries) => all.field(entries),
                Self::Bool(value) => all.field(value),
                Self::None => &mut all,
            };
            return all.finish();
        }
        f.write_str(self.kind())
    }
}

impl Literal {
    /// Reads JSON, or else a Python literal.
    pub fn parse(text: &str) -> Result<Self, String> {
        match serde_json::from_str::<serde_json::Value>(text) {
            Ok(value) => Ok(value.into()),
            Err(_) => py_literal::parse(text).map_err(|error| format!("not JSON and not a Python literal: {error}")),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::None => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Dict(_) => "a dict",
        }
    }
}

impl From<serde_json::Value> for Literal {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::None,
            serde_json::Value::Bool(value) => Self::Bool(value),
            serde_json::Value::Number(value) => Self::Number(value.to_string()),
            serde_json::Value::String(value) => Self::Text(value),
            serde_json::Value::Array(items) => Self::List(items.into_iter().map(Into::into).collect()),
            serde_json::Value::Object(entries) => Self::Dict(
                entries
                    .into_iter()
                    .map(|(key, value)| (Self::Text(key), value.into()))
                    .collect(),
            ),
        }
    }
}

/// `{"K": "v"}`.
pub fn build_args(text: &str) -> Result<BTreeMap<String, String>, String> {
    let entries = match Literal::parse(text)? {
        Literal::Dict(entries) => entries,
        Literal::None => Vec::new(),
        other => {
            return Err(format!(
                "a dict is expected, e.g. {{\"KEY\": \"value\"}}, not {}",
                other.kind()
            ));
        }
    };
    let mut args = BTreeMap::new();
    for (key, value) in entries {
        let Literal::Text(key) = key else {
            return Err(format!("a key is {}: keys are text", key.kind()));
        };
        match value {
            Literal::Text(value) | Literal::Number(value) => _ = args.insert(key, value),
            // `true` and `True` would be different texts, so it is for the author to say which one is meant.
            other => {
                return Err(format!(
                    "the value of {key} is {}: write it as text, in quotes",
                    other.kind()
                ));
            }
        }
    }
    Ok(args)
}

/// `[("host", "user", "token"), …]`; a fourth text says what the login is for, `pull` or `push`. A dict with the names of the parts does
/// as well.
pub fn registry_credentials(text: &str) -> Result<Vec<RegistryCredential>, String> {
    const SHAPE: &str =
        "a list of (host, user, password) is expected, e.g. [(\"registry.example.com\", \"robot\", \"token\")]";
    let items = match Literal::parse(text)? {
        Literal::List(items) => items,
        Literal::None => Vec::new(),
        other => return Err(format!("{SHAPE}, not {}", other.kind())),
    };
    let mut credentials = Vec::with_capacity(items.len());
    for (at, item) in items.into_iter().enumerate() {
        let wrong = |what: &str| Err(format!("entry {} is {what}; {SHAPE}", at + 1));
        let mut parts = match item {
            Literal::List(parts) => parts,
            Literal::Dict(entries) => match named(entries) {
                Some(parts) => parts,
                None => return wrong("a dict without host, username and password, or with more than only beside them"),
            },
            other => return wrong(other.kind()),
        };
        let only = match (parts.len() == 4).then(|| parts.pop()).flatten() {
            None | Some(Literal::None) => None,
            Some(Literal::Text(word)) if CredentialUse::from_name(&word).is_some() => CredentialUse::from_name(&word),
            Some(_) => return wrong("for something else than pull or push"),
        };
        let Ok([host, username, password]) = <[Literal; 3]>::try_from(parts) else {
            return wrong("not of three parts");
        };
        let (Literal::Text(host), Literal::Text(username), Literal::Text(password)) = (host, username, password) else {
            return wrong("not of three texts");
        };
        credentials.push(RegistryCredential {
            host,
            username,
            password: password.into(),
            only,
        });
    }
    Ok(credentials)
}

/// The parts in order, if a dict has these and no others.
fn named(entries: Vec<(Literal, Literal)>) -> Option<Vec<Literal>> {
    let mut parts = vec![Literal::None, Literal::None, Literal::None, Literal::None];
    for (key, value) in entries {
        let Literal::Text(key) = key else { return None };
        let at = ["host", "username", "password", "only"]
            .iter()
            .position(|name| *name == key)?;
        parts[at] = value;
    }
    let whole = parts[..3].iter().all(|part| *part != Literal::None);
    whole.then_some(parts)
}

/// `true`, `True`, `1` and their opposites.
pub fn boolean(text: &str) -> Result<bool, String> {
    match text.trim() {
        "true" | "True" | "1" => Ok(true),
        "false" | "False" | "0" => Ok(false),
        _ => Err("true or false is expected".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_args_come_as_json_or_python() {
        let wanted = BTreeMap::from([("A".to_owned(), "it's".to_owned()), ("B".to_owned(), "2".to_owned())]);
        for source in [r#"{"A": "it's", "B": 2}"#, r#"{'A': "it's", 'B': 0x2,}"#] {
            assert_eq!(build_args(source).unwrap(), wanted, "{source}");
        }
        assert!(build_args("{}").unwrap().is_empty() && build_args("None").unwrap().is_empty());
        assert!(
            build_args(r#"{"A": true}"#)
                .unwrap_err()
                .contains("value of A is a boolean")
        );
        assert!(build_args("[1]").unwrap_err().contains("not a list"));
        assert!(build_args("{1: 'a'}").unwrap_err().contains("keys are text"));
        assert!(
            build_args("A=b")
                .unwrap_err()
                .starts_with("not JSON and not a Python literal: this word")
        );
    }

    #[test]
    fn credentials_come_as_json_or_python() {
        for source in [
            r#"[("h:5000", "u", "t'\"")]"#,
            r#"[["h:5000", "u", "t'\""]]"#,
            r#"(('h:5000', 'u', 't\'"'),)"#,
        ] {
            let [one] = &registry_credentials(source).unwrap()[..] else {
                panic!("{source}")
            };
            assert_eq!(
                (&*one.host, &*one.username, one.password.expose()),
                ("h:5000", "u", "t'\""),
                "{source}"
            );
        }
        assert_eq!(registry_credentials("[('a','b','c'), ('d','e','f')]").unwrap().len(), 2);
        assert!(registry_credentials("[]").unwrap().is_empty());
        let parted = registry_credentials(
            "[('r/base', 'a', 'p', 'pull'), {'host': 'r', 'username': 'b', 'password': 'q', 'only': 'push'}, ('s', 'c', 'q', None)]",
        )
        .unwrap();
        let parted: Vec<_> = parted
            .iter()
            .map(|one| (&*one.host, &*one.username, one.only))
            .collect();
        assert_eq!(
            parted,
            [
                ("r/base", "a", Some(CredentialUse::Pull)),
                ("r", "b", Some(CredentialUse::Push)),
                ("s", "c", None)
            ]
        );
    }

    #[test]
    fn wrong_credentials_are_described_without_showing_them() {
        for source in [
            "[('h','u','canary')",
            "('h','u','canary')",
            "[('h','canary')]",
            "[('h','u',5, 'canary')]",
            "[('h','u','canary', 'both')]",
            "[('h','u','canary', 5)]",
            "[('h','u','canary', 'pull', 'x')]",
            "[{'host': 'h', 'username': 'u', 'password': 'canary', 'for': 'pull'}]",
            "[{'host': 'h', 'password': 'canary'}]",
            "[canary]",
            "'canary'",
            "{'canary': 1}",
        ] {
            let error = registry_credentials(source).unwrap_err();
            assert!(!error.contains("canary"), "{error}");
        }
    }

    #[test]
    fn booleans_come_in_three_spellings() {
        for (source, value) in [
            ("true", true),
            ("True", true),
            ("1", true),
            ("false", false),
            ("False", false),
            ("0", false),
        ] {
            assert_eq!(boolean(source), Ok(value));
        }
        assert!(boolean("yes").is_err() && boolean("").is_err());
    }
}

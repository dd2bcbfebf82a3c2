//! A value written as JSON or as a Python literal, and what the parameters make of it.

use std::collections::BTreeMap;

use prt_types::builds::{BuildSecret, CredentialUse, RegistryCredential};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::py_literal;

/// Deeper nesting is a mistake or an attack on the stack.
pub(super) const DEPTH: usize = 32;

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
        match serde_json::from_str::<&RawValue>(text) {
            Ok(raw) => json(raw, 0),
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

/// JSON whose numbers keep their digits.
fn json(raw: &RawValue, depth: usize) -> Result<Literal, String> {
    /// An object's entries in order.
    struct Entries<'a>(Vec<(String, &'a RawValue)>);

    impl<'de> Deserialize<'de> for Entries<'de> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Each;

            impl<'de> Visitor<'de> for Each {
                type Value = Entries<'de>;

                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                    let mut entries = Vec::new();
                    while let Some(entry) = map.next_entry()? {
                        entries.push(entry);
                    }
                    Ok(Entries(entries))
                }
            }

            deserializer.deserialize_map(Each)
        }
    }

    fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
        // The text is known to be JSON; what can be wrong yet is an escape in a string, which may be a password's.
        serde_json::from_str(text).map_err(|_| "it has an escape that is no character".to_owned())
    }

    if depth > DEPTH {
        return Err("it is nested too deeply".into());
    }
    let text = raw.get();
    Ok(match text.as_bytes().first() {
        Some(b'n') => Literal::None,
        Some(b't') => Literal::Bool(true),
        Some(b'f') => Literal::Bool(false),
        Some(b'"') => Literal::Text(read(text)?),
        Some(b'[') => {
            let items: Vec<&RawValue> = read(text)?;
            Literal::List(
                items
                    .into_iter()
                    .map(|item| json(item, depth + 1))
                    .collect::<Result<_, _>>()?,
            )
        }
        Some(b'{') => {
            let Entries(entries) = read(text)?;
            let entries = entries
                .into_iter()
                .map(|(key, value)| Ok((Literal::Text(key), json(value, depth + 1)?)));
            Literal::Dict(entries.collect::<Result<_, String>>()?)
        }
        _ => Literal::Number(text.to_owned()),
    })
}

/// `{"K": "v"}`. Numbers keep their digits, and a boolean is `true` or `false`, as it is everywhere else.
pub fn pairs(text: &str) -> Result<BTreeMap<String, String>, String> {
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
    let mut pairs = BTreeMap::new();
    for (key, value) in entries {
        let Literal::Text(key) = key else {
            return Err(format!("a key is {}: keys are text", key.kind()));
        };
        let value = match value {
            Literal::Text(value) | Literal::Number(value) => value,
            Literal::Bool(value) => value.to_string(),
            other => {
                return Err(format!(
                    "the value of {key} is {}: write it as text, in quotes",
                    other.kind()
                ));
            }
        };
        pairs.insert(key, value);
    }
    Ok(pairs)
}

/// `["a", "b"]`, or one text without brackets.
pub fn texts(text: &str) -> Result<Vec<String>, String> {
    if !text.trim_start().starts_with(['[', '(']) {
        return Ok(vec![text.trim().to_owned()]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect());
    }
    let items = match Literal::parse(text)? {
        Literal::List(items) => items,
        // Parentheses around one text.
        one => vec![one],
    };
    items
        .into_iter()
        .map(|item| match item {
            Literal::Text(item) | Literal::Number(item) => Ok(item),
            other => Err(format!("an entry is {}: texts are expected", other.kind())),
        })
        .collect()
}

/// `[("id", "value"), …]`, or dicts with `id` and one of `value`, `personal_secret` and `shared_secret`. Nothing of it is shown.
pub fn secrets(text: &str) -> Result<Vec<BuildSecret>, String> {
    const SHAPE: &str =
        "a list of (id, value) is expected, or of dicts with id and one of value, personal_secret and shared_secret";
    let items = match Literal::parse(text)? {
        Literal::List(items) => items,
        Literal::None => Vec::new(),
        other => return Err(format!("{SHAPE}, not {}", other.kind())),
    };
    let mut secrets = Vec::with_capacity(items.len());
    for (at, item) in items.into_iter().enumerate() {
        let wrong = || format!("entry {}: {SHAPE}", at + 1);
        let entries = match item {
            Literal::Dict(entries) => entries,
            Literal::List(parts) => {
                let [id, value] = <[Literal; 2]>::try_from(parts).map_err(|_| wrong())?;
                vec![(Literal::Text("id".into()), id), (Literal::Text("value".into()), value)]
            }
            _ => return Err(wrong()),
        };
        let mut secret = BuildSecret::default();
        for (key, value) in entries {
            let (Literal::Text(key), Literal::Text(value)) = (key, value) else {
                return Err(wrong());
            };
            match key.as_str() {
                "id" => secret.id = value,
                "value" => secret.value = Some(value.into()),
                "personal_secret" => secret.personal_secret = Some(value),
                "shared_secret" => secret.shared_secret = Some(value),
                _ => return Err(wrong()),
            }
        }
        secrets.push(secret);
    }
    Ok(secrets)
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
            assert_eq!(pairs(source).unwrap(), wanted, "{source}");
        }
        assert!(pairs("{}").unwrap().is_empty() && pairs("None").unwrap().is_empty());
        for source in [r#"{"A": true}"#, "{'A': True}"] {
            assert_eq!(pairs(source).unwrap()["A"], "true", "{source}");
        }
        for number in ["1.10", "0.30", "1E5", "12345678901234567890123", "-0"] {
            for source in [format!(r#"{{"A": {number}}}"#), format!("{{'A': {number}}}")] {
                assert_eq!(pairs(&source).unwrap()["A"], number, "{source}");
            }
        }
        assert!(pairs(r#"{"A": null}"#).unwrap_err().contains("value of A is nothing"));
        assert!(
            pairs(&format!("{}{}", "[".repeat(100), "]".repeat(100)))
                .unwrap_err()
                .contains("deep")
        );
        assert!(pairs("[1]").unwrap_err().contains("not a list"));
        assert!(pairs("{1: 'a'}").unwrap_err().contains("keys are text"));
        assert!(
            pairs("A=b")
                .unwrap_err()
                .starts_with("not JSON and not a Python literal: this word")
        );
    }

    #[test]
    fn lists_of_texts_and_secrets() {
        assert_eq!(texts("['a', \"b\"]").unwrap(), ["a", "b"]);
        assert_eq!(
            texts(" type=registry,ref=r.io/a ").unwrap(),
            ["type=registry,ref=r.io/a"]
        );
        assert!(texts("").unwrap().is_empty() && texts("[{}]").is_err());
        let both = secrets(r#"[["npm", "v"], {"id": "x", "shared_secret": "S"}]"#).unwrap();
        assert_eq!(
            (
                both[0].value.as_ref().unwrap().expose(),
                both[1].shared_secret.as_deref()
            ),
            ("v", Some("S"))
        );
        for source in [
            "['canary']",
            "[('a', 'canary', 'b')]",
            "[{'id': 'a', 'canary': 'b'}]",
            "'canary'",
        ] {
            assert!(!secrets(source).unwrap_err().contains("canary"), "{source}");
        }
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

//! Build arguments as JSON has them: text, or a number or boolean whose characters are taken as they are written.
//!
//! `3.10` is a version to its author, and a number that ends in a zero to a JSON reader.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// For `#[serde(deserialize_with)]`.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    deserializer.deserialize_map(Arguments)
}

struct Arguments;

impl<'de> Visitor<'de> for Arguments {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of names and values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut all = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            let raw: Box<RawValue> = map.next_value()?;
            let value = as_written(raw.get()).map_err(|what| {
                A::Error::custom(format_args!(
                    "the value of {name} is {what}: write it as text, in quotation marks"
                ))
            })?;
            all.insert(name, value);
        }
        Ok(all)
    }
}

/// The text of a JSON value, or what it is instead of one.
fn as_written(raw: &str) -> Result<String, &'static str> {
    match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw).map_err(|_| "no text"),
        Some(b'0'..=b'9' | b'-' | b't' | b'f') => Ok(raw.to_owned()),
        Some(b'n') => Err("null"),
        Some(b'[') => Err("a list"),
        _ => Err("an object"),
    }
}

#[cfg(test)]
mod tests {
    use crate::builds::BuildRequest;

    fn read(args: &str) -> Result<Vec<(String, String)>, String> {
        let json = format!(r#"{{"worker": "w", "name": "n", "tag": "t", "build_args": {args}, "push_image": false}}"#);
        let request: BuildRequest = serde_json::from_str(&json).map_err(|error| error.to_string())?;
        Ok(request.build_args.into_iter().collect())
    }

    #[test]
    fn digits_stay_as_they_are_written() {
        for number in [
            "1.10",
            "0.30",
            "1E5",
            "-0",
            "12345678901234567890123",
            "1e400",
            "true",
            "false",
        ] {
            assert_eq!(
                read(&format!(r#"{{"A": {number}}}"#)),
                Ok(vec![("A".into(), number.into())])
            );
        }
        assert_eq!(
            read(r#"{"A": "\u0061\"", "B": ""}"#),
            Ok(vec![("A".into(), "a\"".into()), ("B".into(), String::new())])
        );
        assert_eq!(read("{}"), Ok(vec![]));
    }

    #[test]
    fn what_is_no_text_is_refused_by_name() {
        for (value, what) in [("null", "null"), ("[1]", "a list"), ("{\"a\": 1}", "an object")] {
            let error = read(&format!(r#"{{"A": {value}}}"#)).unwrap_err();
            assert!(error.contains(&format!("the value of A is {what}")), "{error}");
        }
        assert!(read("[]").unwrap_err().contains("an object of names and values"));
    }
}

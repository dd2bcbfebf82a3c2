//! `KEY=VALUE`, and `KEY` alone for what the environment holds.

use std::collections::BTreeMap;

use crate::error::{CliError, Result};

/// Reads all of an option's values; the last one of a key counts.
pub fn parse(option: &str, values: &[String]) -> Result<BTreeMap<String, String>> {
    parse_with(option, values, |key| std::env::var(key).ok())
}

fn parse_with(
    option: &str,
    values: &[String],
    environment: impl Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for text in values {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (text.as_str(), environment(text)),
        };
        if key.is_empty() {
            return Err(CliError::usage(format!("{option}: KEY=VALUE is expected")));
        }
        // As `docker build` does: a key that the environment does not have is not passed on.
        if let Some(value) = value {
            all.insert(key.to_owned(), value);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_as_they_are() {
        let values = ["A=1", "B=x=y ", "C=", "A=2", "HOME", "NOT_SET"].map(ToOwned::to_owned);
        let all = parse_with("--env", &values, |key| (key == "HOME").then(|| "/root".to_owned())).unwrap();
        let wanted = [("A", "2"), ("B", "x=y "), ("C", ""), ("HOME", "/root")];
        assert_eq!(
            all,
            wanted.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
        );
        assert_eq!(parse("--env", &["=x".into()]).unwrap_err().exit_code(), 2);
    }
}

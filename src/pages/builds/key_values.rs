//! `KEY=VALUE`, one a line: build args and environment variables as they are typed.

use std::collections::BTreeMap;

/// Reads the lines; empty ones and those that start with `#` do not count. The error is for the field.
pub fn parse(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut out = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim_end_matches('\r');
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            return Err(format!("Line {} has no \"=\": write KEY=VALUE.", at + 1));
        };
        let key = key.trim();
        if key.is_empty() {
            return Err(format!("Line {} has no name before the \"=\".", at + 1));
        }
        if out.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(format!("{key} is there twice."));
        }
    }
    Ok(out)
}

/// Writes them back for a form.
pub fn format(map: &BTreeMap<String, String>) -> String {
    map.iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_pairs() {
        let map = parse("A=1\r\n\n# a comment\nB = two words =x \nEMPTY=\n").expect("valid");
        assert_eq!(format(&map), "A=1\nB= two words =x \nEMPTY=");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        assert_eq!(parse("A=1\nB"), Err("Line 2 has no \"=\": write KEY=VALUE.".to_owned()));
        assert_eq!(parse("=x"), Err("Line 1 has no name before the \"=\".".to_owned()));
        assert_eq!(parse("A=1\nA=2"), Err("A is there twice.".to_owned()));
    }
}

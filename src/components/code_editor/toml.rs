//! TOML in colours. It only has to look right: what a text means says the server.

use super::Piece;

/// Cuts a text into pieces. Together they are the text.
pub fn toml(text: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = vec![];
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        let (space, rest) = line.split_at(indent);
        push(&mut pieces, "", space);
        if rest.starts_with('[') {
            let end = header_end(rest);
            push(&mut pieces, "code-table", &rest[..end]);
            values(&mut pieces, &rest[end..]);
        } else if let Some(at) = key_end(rest) {
            push(&mut pieces, "code-key", &rest[..at]);
            values(&mut pieces, &rest[at..]);
        } else {
            values(&mut pieces, rest);
        }
    }
    pieces
}

fn push(pieces: &mut Vec<Piece>, class: &'static str, text: &str) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some((last, known)) if *last == class => known.push_str(text),
        _ => pieces.push((class, text.to_owned())),
    }
}

/// Behind the last bracket of a table's head.
fn header_end(line: &str) -> usize {
    let mut quoted = None;
    let mut end = line.len();
    for (at, c) in line.char_indices() {
        match (quoted, c) {
            (None, '"' | '\'') => quoted = Some(c),
            (Some(quote), c) if quote == c => quoted = None,
            (None, '#') => break,
            (None, ']') => end = at + 1,
            _ => {}
        }
    }
    end
}

/// Where the `=` behind a key is.
fn key_end(line: &str) -> Option<usize> {
    let mut quoted = None;
    for (at, c) in line.char_indices() {
        match (quoted, c) {
            (None, '"' | '\'') => quoted = Some(c),
            (Some(quote), c) if quote == c => quoted = None,
            (None, '#' | '[' | '{' | ',') => return None,
            (None, '=') => return Some(at),
            _ => {}
        }
    }
    None
}

fn values(pieces: &mut Vec<Piece>, text: &str) {
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (class, len) = match first {
            '#' => ("code-comment", rest.trim_end_matches(['\n', '\r']).len()),
            '"' | '\'' => ("code-string", string_end(rest, first)),
            c if c.is_ascii_alphanumeric() || "+-".contains(c) => {
                let word = |c: char| c.is_ascii_alphanumeric() || "+-._:".contains(c);
                let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
                let literal = c.is_ascii_digit() || "+-".contains(c) || ["true", "false"].contains(&&rest[..end]);
                (if literal { "code-literal" } else { "" }, end)
            }
            c => ("", c.len_utf8()),
        };
        push(pieces, class, &rest[..len]);
        rest = &rest[len..];
    }
}

fn string_end(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\n' => return at,
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_text() {
        for text in [
            "",
            "# comment\n[registry.\"a]b\"] # more\n  http = true\n  ca=[\"/build/my.crt\", 'x#y']\nn = 12\n",
            "broken = \"open\nä ö = [ { \"k\" = 1 } ]",
            "=\n[\n\"",
        ] {
            let pieces = toml(text);
            assert_eq!(pieces.iter().map(|(_, text)| text.as_str()).collect::<String>(), text);
        }
    }

    #[test]
    fn kinds_are_told_apart() {
        let pieces = toml("[registry.\"a]b\"] # c\n  http = true\nca = [\"/x\", 2]\n");
        let of = |class: &str| -> Vec<&str> {
            pieces
                .iter()
                .filter(|(found, _)| *found == class)
                .map(|(_, text)| text.as_str())
                .collect()
        };
        assert_eq!(of("code-table"), ["[registry.\"a]b\"]"]);
        assert_eq!(of("code-comment"), ["# c"]);
        assert_eq!(of("code-key"), ["http ", "ca "]);
        assert_eq!(of("code-literal"), ["true", "2"]);
        assert_eq!(of("code-string"), ["\"/x\""]);
    }
}

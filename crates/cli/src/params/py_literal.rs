//! Python literals, as `ast.literal_eval` reads them: strings, numbers, tuples, lists, dicts, True, False, None.
//!
//! Written here because the crates for it are no longer maintained. Strict: what is not understood is an error that says where,
//! and never quotes the text, which may hold a password.

use std::{iter::Peekable, str::CharIndices};

use super::literal::{DEPTH, Literal};

/// Why a text is no literal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at character {at}")]
pub struct NotLiteral {
    what: &'static str,
    /// Counted from 1.
    at: usize,
}

/// Reads a whole text as one literal.
pub fn parse(text: &str) -> Result<Literal, NotLiteral> {
    let mut parser = Parser {
        text,
        rest: text.char_indices().peekable(),
    };
    let value = parser.value(0)?;
    parser.space();
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.error("nothing more is expected")),
    }
}

struct Parser<'a> {
    text: &'a str,
    rest: Peekable<CharIndices<'a>>,
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest.peek().map(|(_, c)| *c)
    }

    fn next(&mut self) -> Option<char> {
        self.rest.next().map(|(_, c)| c)
    }

    fn take(&mut self, wanted: char) -> bool {
        self.rest.next_if(|(_, c)| *c == wanted).is_some()
    }

    fn offset(&mut self) -> usize {
        self.rest.peek().map_or(self.text.len(), |(at, _)| *at)
    }

    fn error(&mut self, what: &'static str) -> NotLiteral {
        let offset = self.offset();
        NotLiteral {
            what,
            at: self.text[..offset].chars().count() + 1,
        }
    }

    fn space(&mut self) {
        while self
            .rest
            .next_if(|(_, c)| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}'))
            .is_some()
        {}
    }

    fn value(&mut self, depth: usize) -> Result<Literal, NotLiteral> {
        if depth > DEPTH {
            return Err(self.error("it is nested too deeply"));
        }
        self.space();
        match self.peek() {
            Some('"' | '\'') => self.strings(),
            Some('[') => {
                self.next();
                self.items(']', depth).map(|(items, _)| Literal::List(items))
            }
            Some('(') => {
                self.next();
                let (mut items, comma) = self.items(')', depth)?;
                // Parentheses make a tuple only with a comma, or around nothing.
                if items.len() == 1 && !comma {
                    Ok(items.remove(0))
                } else {
                    Ok(Literal::List(items))
                }
            }
            Some('{') => {
                self.next();
                self.dict(depth)
            }
            Some(c) if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') => self.number(),
            Some(c) if c.is_alphabetic() || c == '_' => self.word(),
            Some(_) => Err(self.error("a value is expected")),
            None => Err(self.error("a value is missing")),
        }
    }

    /// Items up to the bracket, and whether there was a comma.
    fn items(&mut self, close: char, depth: usize) -> Result<(Vec<Literal>, bool), NotLiteral> {
        let (mut items, mut comma) = (Vec::new(), false);
        loop {
            self.space();
            if self.take(close) {
                return Ok((items, comma));
            }
            items.push(self.value(depth + 1)?);
            self.space();
            if self.take(',') {
                comma = true;
            } else if self.peek() != Some(close) {
                return Err(self.error("a comma or the closing bracket is expected"));
            }
        }
    }

    fn dict(&mut self, depth: usize) -> Result<Literal, NotLiteral> {
        let mut entries = Vec::new();
        loop {
            self.space();
            if self.take('}') {
                return Ok(Literal::Dict(entries));
            }
            let key = self.value(depth + 1)?;
            self.space();
            if !self.take(':') {
                return Err(self.error("a colon is expected after the key"));
            }
            entries.push((key, self.value(depth + 1)?));
            self.space();
            if !self.take(',') && self.peek() != Some('}') {
                return Err(self.error("a comma or the closing bracket is expected"));
            }
        }
    }

    fn word(&mut self) -> Result<Literal, NotLiteral> {
        let start = self.offset();
        let mut ahead = self.rest.clone();
        while ahead.next_if(|(_, c)| c.is_alphanumeric() || *c == '_').is_some() {}
        let end = ahead.peek().map_or(self.text.len(), |(at, _)| *at);
        let value = match &self.text[start..end] {
            "True" => Literal::Bool(true),
            "False" => Literal::Bool(false),
            "None" => Literal::None,
            "r" | "R" | "u" | "U" if matches!(ahead.peek(), Some((_, '"' | '\''))) => {
                return self.strings();
            }
            _ => return Err(self.error("this word is no value (text is written in quotes)")),
        };
        self.rest = ahead;
        Ok(value)
    }

    /// One or more strings beside each other, which are one.
    fn strings(&mut self) -> Result<Literal, NotLiteral> {
        let mut text = String::new();
        loop {
            let raw = match self.peek() {
                Some('r' | 'R') => true,
                Some('u' | 'U' | '"' | '\'') => false,
                _ => return Ok(Literal::Text(text)),
            };
            if !matches!(self.peek(), Some('"' | '\'')) {
                let mut ahead = self.rest.clone();
                ahead.next();
                if !matches!(ahead.peek(), Some((_, '"' | '\''))) {
                    return Ok(Literal::Text(text));
                }
                self.rest = ahead;
            }
            self.string(raw, &mut text)?;
            self.space();
        }
    }

    fn string(&mut self, raw: bool, text: &mut String) -> Result<(), NotLiteral> {
        let Some(quote) = self.next() else {
            return Err(self.error("a quote is expected"));
        };
        let mut triple = false;
        if self.take(quote) {
            if !self.take(quote) {
                return Ok(());
            }
            triple = true;
        }
        loop {
            match self.peek() {
                None => return Err(self.error("the closing quote is missing")),
                Some('\n') if !triple => return Err(self.error("the closing quote is missing")),
                Some('\\') if raw => {
                    // Even in a raw string a backslash keeps the quote after it from ending the string.
                    text.extend(self.next());
                    text.extend(self.next());
                }
                Some('\\') => {
                    self.next();
                    self.escape(text)?;
                }
                Some(c) if c == quote => {
                    self.next();
                    if !triple {
                        return Ok(());
                    }
                    let mut ahead = self.rest.clone();
                    if ahead.next_if(|(_, c)| *c == quote).is_some() && ahead.next_if(|(_, c)| *c == quote).is_some() {
                        self.rest = ahead;
                        return Ok(());
                    }
                    text.push(c);
                }
                Some(c) => {
                    self.next();
                    text.push(c);
                }
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Result<(), NotLiteral> {
        let Some(c) = self.next() else {
            return Err(self.error("the closing quote is missing"));
        };
        match c {
            '\n' => {}
            '\\' | '\'' | '"' => text.push(c),
            'a' => text.push('\u{7}'),
            'b' => text.push('\u{8}'),
            'f' => text.push('\u{c}'),
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            'v' => text.push('\u{b}'),
            'x' => text.push(self.code_point(2)?),
            'u' => text.push(self.code_point(4)?),
            'U' => text.push(self.code_point(8)?),
            'N' => return Err(self.error("characters by name are not understood")),
            '0'..='7' => {
                let mut code = c.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some((_, digit)) = self.rest.next_if(|(_, c)| c.is_digit(8)) else {
                        break;
                    };
                    code = code * 8 + digit.to_digit(8).unwrap_or(0);
                }
                // At most 0o777, which is a character.
                text.push(char::from_u32(code).unwrap_or('\u{fffd}'));
            }
            // Python keeps the backslash of an escape that it does not know.
            other => text.extend(['\\', other]),
        }
        Ok(())
    }

    fn code_point(&mut self, digits: usize) -> Result<char, NotLiteral> {
        let mut code = 0_u32;
        for _ in 0..digits {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(16)) else {
                return Err(self.error("a hexadecimal digit is expected"));
            };
            self.next();
            code = code.wrapping_mul(16).wrapping_add(digit);
        }
        char::from_u32(code).ok_or_else(|| self.error("this is no character"))
    }

    fn number(&mut self) -> Result<Literal, NotLiteral> {
        let mut text = String::new();
        match self.peek() {
            Some('-') => text.extend(self.next()),
            Some('+') => _ = self.next(),
            _ => {}
        }
        let mut body = String::new();
        while let Some(c) = self.peek() {
            let sign_of_exponent = matches!(c, '+' | '-') && body.ends_with(['e', 'E']) && !body.starts_with("0x");
            if !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.') || sign_of_exponent) {
                break;
            }
            body.extend(self.next());
        }
        let wrong = NotLiteral {
            what: "a number is expected",
            ..self.error("")
        };
        text.push_str(&canonical(&body).ok_or(wrong)?);
        Ok(Literal::Number(text))
    }
}

/// A number's digits without underscores and prefixes, if it is a number to Python.
fn canonical(body: &str) -> Option<String> {
    let underscores_between_digits = body.split('_').all(|part| !part.is_empty()) || !body.contains('_');
    if !underscores_between_digits || body.contains("_.") || body.contains("._") {
        return None;
    }
    let digits = body.replace('_', "");
    let lower = digits.to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            let unsigned = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            return unsigned
                .then(|| u128::from_str_radix(digits, radix).ok())?
                .map(|value| value.to_string());
        }
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let zero = digits.bytes().all(|byte| byte == b'0');
        return (!digits.is_empty() && (zero || !digits.starts_with('0')))
            .then(|| if zero { "0".into() } else { digits });
    }
    let float = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    (float && digits.parse::<f64>().is_ok_and(f64::is_finite)).then_some(digits)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn text(value: &str) -> Literal {
        Literal::Text(value.into())
    }

    fn number(value: &str) -> Literal {
        Literal::Number(value.into())
    }

    #[test]
    fn strings_are_pythons() {
        for (source, value) in [
            (r#""a'b""#, "a'b"),
            (r#"'a"b'"#, "a\"b"),
            (
                r#"'it\'s \"x\" \\ \n\t\x41\u00e9\U0001F600\101\0'"#,
                "it's \"x\" \\ \n\tAé\u{1F600}A\0",
            ),
            (r"'\d\/'", r"\d\/"),
            (r"r'\n\''", r"\n\'"),
            ("u'x'  \"y\" R'z'", "xyz"),
            ("''", ""),
            ("'''a\n'b' \"\"\"c'''", "a\n'b' \"\"\"c"),
            ("'a\\\nb'", "ab"),
            ("  'ü☺'\n", "ü☺"),
        ] {
            assert_eq!(parse(source), Ok(text(value)), "{source}");
        }
    }

    #[test]
    fn numbers_and_words() {
        for (source, value) in [
            ("0", "0"),
            ("00", "0"),
            ("-12", "-12"),
            ("+7", "7"),
            ("1_000", "1000"),
            ("0xFF", "255"),
            ("-0b101", "-5"),
            ("0o17", "15"),
            ("1.5", "1.5"),
            (".5", ".5"),
            ("5.", "5."),
            ("1e-3", "1e-3"),
            ("2E+4", "2E+4"),
        ] {
            assert_eq!(parse(source), Ok(number(value)), "{source}");
        }
        assert_eq!(parse("True"), Ok(Literal::Bool(true)));
        assert_eq!(parse("False"), Ok(Literal::Bool(false)));
        assert_eq!(parse("None"), Ok(Literal::None));
    }

    #[test]
    fn collections_nest_and_may_end_in_a_comma() {
        let tuple = Literal::List(vec![text("h"), text("u"), text("t")]);
        assert_eq!(parse("('h', \"u\",\n 't')"), Ok(tuple.clone()));
        assert_eq!(parse("[('h','u','t'),]"), Ok(Literal::List(vec![tuple])));
        assert_eq!(parse("()"), Ok(Literal::List(vec![])));
        assert_eq!(parse("(1,)"), Ok(Literal::List(vec![number("1")])));
        assert_eq!(parse("((1))"), Ok(number("1")));
        assert_eq!(parse("{}"), Ok(Literal::Dict(vec![])));
        assert_eq!(
            parse("{'a': [1, {}], 2: None,}"),
            Ok(Literal::Dict(vec![
                (text("a"), Literal::List(vec![number("1"), Literal::Dict(vec![])])),
                (number("2"), Literal::None),
            ]))
        );
    }

    #[test]
    fn everything_else_is_an_error_that_says_where() {
        for wrong in [
            "",
            "  ",
            "x",
            "true",
            "null",
            "'a",
            "'a\nb'",
            "'\\x4'",
            "'\\ud800'",
            "'\\N{DASH}'",
            "b'x'",
            "f'x'",
            "rb'x'",
            "01",
            "1__0",
            "_1",
            "1_",
            "1j",
            "0x",
            "0x+1",
            "0xG",
            "1.2.3",
            "--1",
            "-",
            ".",
            "1e",
            "1_.5",
            "[1 2]",
            "[,]",
            "(,)",
            "[1,,2]",
            "{1}",
            "{1:}",
            "{'a' 1}",
            "[1",
            "(1",
            "{'a':1",
            "'a' 'b",
            "1 2",
            "a.b",
            "__import__('os')",
            "1+1",
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?} gave {:?}", parse(wrong));
        }
        assert_eq!(
            parse("['ü', x]").unwrap_err().to_string(),
            "this word is no value (text is written in quotes) at character 7"
        );
        assert!(parse(&"[".repeat(100_000)).is_err());
    }

    /// Python's `repr`, with the other quote and more escapes than needed.
    fn write(value: &Literal, out: &mut String) {
        match value {
            Literal::None => out.push_str("None"),
            Literal::Bool(value) => out.push_str(if *value { "True" } else { "False" }),
            Literal::Number(value) => out.push_str(value),
            Literal::Text(value) => {
                out.push('\'');
                for c in value.chars() {
                    match c {
                        '\\' | '\'' => out.extend(['\\', c]),
                        '\n' => out.push_str("\\n"),
                        c if c.is_control() => _ = write!(out, "\\U{:08x}", u32::from(c)),
                        c => out.push(c),
                    }
                }
                out.push('\'');
            }
            Literal::List(items) => {
                out.push('(');
                for item in items {
                    write(item, out);
                    out.push(',');
                }
                out.push(')');
            }
            Literal::Dict(entries) => {
                out.push('{');
                for (key, value) in entries {
                    write(key, out);
                    out.push(':');
                    write(value, out);
                    out.push(',');
                }
                out.push('}');
            }
        }
    }

    fn literals() -> impl Strategy<Value = Literal> {
        let leaf = prop_oneof![
            Just(Literal::None),
            any::<bool>().prop_map(Literal::Bool),
            any::<i64>().prop_map(|value| Literal::Number(value.to_string())),
            any::<String>().prop_map(Literal::Text),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Literal::List),
                prop::collection::vec((inner.clone(), inner), 0..4).prop_map(Literal::Dict),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in literals()) {
            let mut source = String::new();
            write(&value, &mut source);
            prop_assert_eq!(parse(&source), Ok(value));
        }

        #[test]
        fn no_text_makes_it_panic(source in "[\\[\\](){}'\"\\\\,:0-9xruNTFé \n._eE+-]{0,24}") {
            _ = parse(&source);
        }
    }
}

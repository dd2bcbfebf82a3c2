//! One pattern of a `.dockerignore`, with Docker's meaning: Go's `filepath.Match` and `**`, against the whole path.
//!
//! Matching walks the path once with the set of places in the pattern that it can be at, so no pattern makes it slow.

/// Why a pattern makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pattern is not complete or has a bad [range]")]
pub struct BadPattern;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// This character.
    One(char),
    /// `?`: any character but `/`.
    Any,
    /// `[a-z]`. As in Docker, a negated one matches `/` too.
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
    /// `*`: characters other than `/`.
    Star,
    /// `**` in the middle: nothing, or anything that ends in `/`. Two places: before it, and inside of it.
    Enter,
    Inside,
    /// `**` at the end: anything.
    Rest,
}

/// A pattern, cleaned of `.`, `..` and doubled slashes.
#[derive(Clone, Debug)]
pub struct Pattern {
    tokens: Vec<Token>,
    source: String,
    /// `**` and then plain characters only: Docker compares ends then, so `**file` matches `my-file`.
    ends_with: Option<String>,
}

impl Pattern {
    /// Reads a cleaned pattern.
    pub fn new(source: &str) -> Result<Self, BadPattern> {
        let mut tokens = Vec::new();
        let mut rest = source.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '*' if rest.next_if_eq(&'*').is_some() => {
                    // `**/` is as `**`: the slash belongs to what it stands for.
                    rest.next_if_eq(&'/');
                    if rest.peek().is_none() {
                        tokens.push(Token::Rest);
                    } else {
                        tokens.extend([Token::Enter, Token::Inside]);
                    }
                }
                '*' => tokens.push(Token::Star),
                '?' => tokens.push(Token::Any),
                '[' => tokens.push(class(&mut rest)?),
                '\\' => tokens.push(Token::One(rest.next().ok_or(BadPattern)?)),
                c => tokens.push(Token::One(c)),
            }
        }
        let ends_with = source
            .strip_prefix("**")
            .filter(|end| !end.contains(['*', '?', '[', ']', '\\']));
        Ok(Self {
            tokens,
            source: source.into(),
            ends_with: ends_with.map(ToOwned::to_owned),
        })
    }

    /// Whether the whole path matches.
    pub fn matches(&self, path: &str) -> bool {
        if let Some(end) = &self.ends_with {
            return path.ends_with(end.as_str()) || end.strip_prefix('/') == Some(path);
        }
        let mut places = vec![false; self.tokens.len() + 1];
        self.reach(&mut places, 0);
        for c in path.chars() {
            let mut next = vec![false; places.len()];
            for at in (0..self.tokens.len()).filter(|at| places[*at]) {
                match &self.tokens[at] {
                    Token::One(one) if *one == c => self.reach(&mut next, at + 1),
                    Token::Any if c != '/' => self.reach(&mut next, at + 1),
                    Token::Class { negated, ranges } => {
                        if ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != *negated {
                            self.reach(&mut next, at + 1);
                        }
                    }
                    Token::Star if c != '/' => self.reach(&mut next, at),
                    Token::Rest => self.reach(&mut next, at),
                    Token::Inside => {
                        next[at] = true;
                        if c == '/' {
                            self.reach(&mut next, at + 1);
                        }
                    }
                    Token::One(_) | Token::Any | Token::Star | Token::Enter => {}
                }
            }
            places = next;
        }
        places[self.tokens.len()]
    }

    /// Marks a place and those that are reached from it without a character.
    fn reach(&self, places: &mut [bool], at: usize) {
        if std::mem::replace(&mut places[at], true) {
            return;
        }
        match self.tokens.get(at) {
            Some(Token::Star | Token::Rest) => self.reach(places, at + 1),
            Some(Token::Enter) => {
                self.reach(places, at + 1);
                self.reach(places, at + 2);
            }
            _ => {}
        }
    }

    /// Whether something below this folder can match. May say yes too often, never no wrongly.
    pub fn can_match_below(&self, folder: &str) -> bool {
        let mut folders = folder.split('/');
        let mut parts = self.source.split('/');
        loop {
            match (folders.next(), parts.next()) {
                // The folder is a beginning of the pattern.
                (None, _) => return true,
                // The pattern is a beginning of the folder: all below is the pattern's.
                (Some(_), None) => return true,
                (Some(name), Some(part)) => {
                    // A `**`, or a class that can match a slash, can stand for any number of folders.
                    if part.contains("**") || part.contains('[') {
                        return true;
                    }
                    if Self::new(part).is_ok_and(|part| !part.matches(name)) {
                        return false;
                    }
                }
            }
        }
    }
}

/// The inside of `[…]`, with Go's grammar: at least one range, `]` and `-` only escaped.
fn class(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Token, BadPattern> {
    let negated = rest.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        if !ranges.is_empty() && rest.next_if_eq(&']').is_some() {
            return Ok(Token::Class { negated, ranges });
        }
        let from = class_char(rest)?;
        let to = if rest.next_if_eq(&'-').is_some() {
            class_char(rest)?
        } else {
            from
        };
        if from > to {
            return Err(BadPattern);
        }
        ranges.push((from, to));
    }
}

fn class_char(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<char, BadPattern> {
    match rest.next() {
        None | Some(']' | '-') => Err(BadPattern),
        Some('\\') => rest.next().ok_or(BadPattern),
        Some(c) => Ok(c),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_mean_what_docker_says() {
        for (pattern, path, matches) in [
            ("foo", "foo", true),
            ("foo", "bar/foo", false),
            ("foo", "foo/bar", false),
            ("*", "abc", true),
            ("*", "a/b", false),
            ("*.go", "x.go", true),
            ("*.go", "a/x.go", false),
            ("a*/b", "abc/b", true),
            ("a*/b", "a/c/b", false),
            ("*/*", "a/b", true),
            ("**", "a/b/c", true),
            ("**", "a", true),
            ("**/**", "dir/file", true),
            ("dir/**", "dir/a/b", true),
            ("dir/**", "dir", false),
            ("a**", "a", true),
            ("a**", "ab/c", true),
            ("**/dir", "dir", true),
            ("**/dir", "a/b/dir", true),
            ("**/dir", "xdir", false),
            ("**/dir", "dir/x", false),
            ("**file", "my-file", true),
            ("**file", "a/file", true),
            ("**/*.txt", "a.txt", true),
            ("**/*.txt", "a/b/c.txt", true),
            ("**/**/*.txt", "c.txt", true),
            ("a**/*.txt", "a/file.txt", true),
            ("a**/*.txt", "a/dir/dir/file.txt", true),
            ("a/*.txt", "a/dir/f.txt", false),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
            ("a/**/b", "a/xb", false),
            ("a/**/b", "ab", false),
            ("**/dir2/*", "dir/dir2/file", true),
            ("**/dir2/*", "dir/dir2/a/b", false),
            ("a?b", "a☺b", true),
            ("a?b", "a/b", false),
            ("a?b", "ab", false),
            ("a[b-d]e", "ace", true),
            ("a[b-d]e", "aae", false),
            ("a[^b-d]e", "aze", true),
            ("[a-ζ]*", "α", true),
            ("[\\]a]", "]", true),
            ("[x\\-]", "-", true),
            ("[x\\-]", "z", false),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("a\\\\", "a\\", true),
            (".*", ".foo", true),
            (".*", "foo", false),
            ("abc.def", "abcZdef", false),
            ("a.|)$(}+{bc", "a.|)$(}+{bc", true),
            ("]", "]", true),
            ("", "", true),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("a*b?c*x", "abxbbxdbxebxczzy", false),
        ] {
            assert_eq!(
                Pattern::new(pattern).unwrap().matches(path),
                matches,
                "{pattern} on {path}"
            );
        }
    }

    #[test]
    fn bad_patterns_are_refused() {
        for wrong in [
            "[", "[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[^", "[^bc", "a[", "\\", "a\\", "[z-a]", "[]",
        ] {
            assert!(Pattern::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn folders_are_entered_only_when_it_can_matter() {
        for (pattern, folder, can) in [
            ("a/b/c", "a", true),
            ("a/b/c", "a/b", true),
            ("a/b/c", "x", false),
            ("a/b/c", "a/x", false),
            ("a", "a/b/c", true),
            ("*/keep", "a", true),
            ("*.md", "docs", false),
            ("**/keep", "x/y", true),
            ("a[^x]b", "a", true),
        ] {
            assert_eq!(
                Pattern::new(pattern).unwrap().can_match_below(folder),
                can,
                "{pattern} below {folder}"
            );
        }
    }

    /// The plain recursive reading of the same rules, as a second opinion.
    fn slow(tokens: &[Token], path: &[char]) -> bool {
        let Some(token) = tokens.first() else {
            return path.is_empty();
        };
        let one = |hit: bool| hit && slow(&tokens[1..], &path[1..]);
        match token {
            Token::One(c) => one(path.first() == Some(c)),
            Token::Any => one(path.first().is_some_and(|c| *c != '/')),
            Token::Class { negated, ranges } => one(path
                .first()
                .is_some_and(|c| ranges.iter().any(|(a, b)| a <= c && c <= b) != *negated)),
            Token::Star => (0..=path.len())
                .take_while(|at| !path[..*at].contains(&'/'))
                .any(|at| slow(&tokens[1..], &path[at..])),
            Token::Enter => (0..=path.len())
                .filter(|at| *at == 0 || path[*at - 1] == '/')
                .any(|at| slow(&tokens[2..], &path[at..])),
            Token::Inside => false,
            Token::Rest => (0..=path.len()).any(|at| slow(&tokens[1..], &path[at..])),
        }
    }

    proptest! {
        #[test]
        fn the_walk_agrees_with_the_plain_reading(pattern in "(a|b|/|\\*|\\*\\*|\\*\\*/|\\?|\\[ab\\]|\\[\\^a\\]){0,7}",
                                                  path in "[ab/]{0,8}") {
            let pattern = Pattern::new(&pattern).unwrap();
            prop_assume!(pattern.ends_with.is_none());
            prop_assert_eq!(pattern.matches(&path), slow(&pattern.tokens, &path.chars().collect::<Vec<_>>()));
        }

        #[test]
        fn what_matches_is_below_folders_that_are_entered(pattern in "(a|b|/|\\*|\\*\\*|\\?|\\[\\^a\\]){1,6}",
                                                          path in "[ab]{1,2}(/[ab]{1,2}){1,3}") {
            let pattern = Pattern::new(&pattern).unwrap();
            if pattern.matches(&path) {
                for (at, _) in path.match_indices('/') {
                    prop_assert!(pattern.can_match_below(&path[..at]), "{}", &path[..at]);
                }
            }
        }

        #[test]
        fn no_pattern_makes_it_panic(pattern in any::<String>(), path in any::<String>()) {
            if let Ok(pattern) = Pattern::new(&pattern) {
                pattern.matches(&path);
                pattern.can_match_below(&path);
            }
        }
    }
}

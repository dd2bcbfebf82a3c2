//! The `WWW-Authenticate` header (RFC 9110, section 11).

/// How a registry wants to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// Name and password with each request.
    Basic,
    /// A token from somewhere else.
    Bearer {
        /// Where.
        realm: String,
        /// For which service.
        service: Option<String>,
        /// For which rights.
        scope: Option<String>,
    },
}

/// The best challenge that we can answer: a token before a password.
pub(super) fn parse<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Challenge> {
    let mut found: Vec<Challenge> = headers.flat_map(challenges).collect();
    found.sort_by_key(|challenge| *challenge == Challenge::Basic);
    found.into_iter().next()
}

/// A header can hold several challenges: `Basic realm="a, b", Bearer realm="https://…",scope="x:pull,push"`.
fn challenges(header: &str) -> Vec<Challenge> {
    let mut schemes: Vec<(String, Vec<(String, String)>)> = vec![];
    for part in split_outside_quotes(header) {
        let part = part.trim();
        // `Scheme name=value` begins a challenge, `name=value` goes on with one, `Scheme` alone is one without parameters.
        let (scheme, parameter) = match part.split_once(|c: char| c.is_ascii_whitespace()) {
            Some((scheme, rest)) if !scheme.contains('=') && !rest.trim_start().starts_with('=') => {
                (Some(scheme), rest.trim())
            }
            None if !part.contains('=') && !part.is_empty() => (Some(part), ""),
            _ => (None, part),
        };
        if let Some(scheme) = scheme {
            schemes.push((scheme.to_ascii_lowercase(), vec![]));
        }
        if let (Some((_, parameters)), Some((name, value))) = (schemes.last_mut(), parameter.split_once('=')) {
            parameters.push((name.trim().to_ascii_lowercase(), unquoted(value.trim())));
        }
    }
    schemes
        .into_iter()
        .filter_map(|(scheme, parameters)| {
            let parameter = |wanted: &str| {
                parameters
                    .iter()
                    .find(|(name, _)| name == wanted)
                    .map(|(_, value)| value.clone())
            };
            match scheme.as_str() {
                "basic" => Some(Challenge::Basic),
                "bearer" => Some(Challenge::Bearer {
                    realm: parameter("realm")?,
                    service: parameter("service"),
                    scope: parameter("scope"),
                }),
                _ => None,
            }
        })
        .collect()
}

fn split_outside_quotes(header: &str) -> Vec<&str> {
    let mut parts = vec![];
    let (mut quoted, mut escaped, mut start) = (false, false, 0);
    for (at, c) in header.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(&header[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&header[start..]);
    parts
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else {
        return value.to_owned();
    };
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer {
            realm: realm.into(),
            service: service.map(Into::into),
            scope: scope.map(Into::into),
        }
    }

    #[test]
    fn challenges_of_real_registries() {
        let of = |header| parse([header].into_iter());
        assert_eq!(of(r#"Basic realm="basic-realm""#), Some(Challenge::Basic));
        assert_eq!(of("Basic"), Some(Challenge::Basic));
        assert_eq!(
            of(
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#
            ),
            Some(bearer(
                "https://auth.docker.io/token",
                Some("registry.docker.io"),
                Some("repository:a/b:pull,push")
            ))
        );
        assert_eq!(
            of(r#"Basic realm="x, Bearer realm=y", bearer Realm = "https://h/\"t\"" , scope=plain"#),
            Some(bearer("https://h/\"t\"", None, Some("plain")))
        );
        assert_eq!(of(r#"Negotiate, Basic realm="x""#), Some(Challenge::Basic));
        for nothing in [
            "",
            "Negotiate abc==",
            r#"Bearer service="x""#,
            ",,",
            "=",
            "\"",
            "Digest realm=\"a\"",
        ] {
            assert_eq!(of(nothing), None, "{nothing}");
        }
        assert_eq!(
            parse(["Basic", r#"Bearer realm="https://h""#].into_iter()),
            Some(bearer("https://h", None, None))
        );
    }
}

//! `name:tag` cut in two.

/// Name and tag; `h:5000/a/b` has no tag, because a tag has no slash.
pub fn split(reference: &str) -> (&str, Option<&str>) {
    match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (reference, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_no_tag() {
        assert_eq!(split("h:5000/a/b"), ("h:5000/a/b", None));
        assert_eq!(split("h:5000/a/b:1.0"), ("h:5000/a/b", Some("1.0")));
        assert_eq!(split("a"), ("a", None));
        assert_eq!(split("a:b"), ("a", Some("b")));
        assert_eq!(split("a:"), ("a", Some("")));
    }
}

//! Who may run which image: the one decision that every door uses.
//!
//! Deny by default. A rule's `image` is an exact name, `*`, or a regular expression. Expressions are anchored at the start whether or
//! not they say `^`, and a match must end at a boundary of the reference, so that a rule for `registry` does not open
//! `registry.evil.com/…`, and `…/demo` does not open `…/demo-secret`. Matching is linear in time (`regex`).
//!
//! Registries ignore the tag of a reference that has a digest too, so rules and minimum versions do: `demo:good@sha256:…` may be any
//! image of `demo`.

use regex::Regex;
use regex_syntax::hir::{Look, LookSet, literal};

use super::granted;
use crate::{images::ImageRef, op_context::Actor, store::ContainerImage};
use prt_types::container_images::MatchKind;

/// Longest compiled program that a rule may need, in bytes.
const PROGRAM_LIMIT: usize = 256 * 1024;

/// A rule's `image`, ready to match.
#[derive(Clone, Debug)]
pub enum Matcher {
    /// `*`.
    Any,
    /// One repository; with a tag or digest only that.
    Exact {
        /// `host/repository`.
        name: String,
        /// Only this tag.
        tag: Option<String>,
        /// Only this digest.
        digest: Option<String>,
    },
    /// A regular expression.
    Pattern {
        /// Compiled as `\A(?:…)\z`.
        whole: Regex,
        /// Whether it says itself where the reference ends (`$`), so that it must match all of it.
        ends: bool,
        /// The one registry whose images it can match, if its text fixes one.
        host: Option<String>,
    },
}

impl Matcher {
    /// Reads a rule's `image`; an error says what is wrong with it.
    pub fn parse(text: &str, default_registry: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("Name an image, a regular expression, or * for any image.".into());
        }
        match kind(text) {
            MatchKind::Any => Ok(Self::Any),
            MatchKind::Pattern => Self::pattern(text),
            MatchKind::Exact => {
                const NO_TAG: &str = "prt-no-tag";
                let image = ImageRef::resolve(text, default_registry, NO_TAG).map_err(|error| error.to_string())?;
                Ok(Self::Exact {
                    name: image.name(),
                    tag: image.tag.filter(|tag| tag != NO_TAG),
                    digest: image.digest,
                })
            }
        }
    }

    fn pattern(text: &str) -> Result<Self, String> {
        let wrong = |error: &dyn std::fmt::Display| format!("The regular expression cannot be read: {error}");
        // Compiled alone first, so that `a)(b` cannot slip out of the group below.
        let hir = regex_syntax::parse(text).map_err(|error| wrong(&error))?;
        let ends = !hir
            .properties()
            .look_set()
            .intersect(
                LookSet::singleton(Look::End)
                    .union(LookSet::singleton(Look::EndLF))
                    .union(LookSet::singleton(Look::EndCRLF)),
            )
            .is_empty();
        let whole = regex::RegexBuilder::new(&format!(r"\A(?:{text})\z"))
            .size_limit(PROGRAM_LIMIT)
            .build()
            .map_err(|error| wrong(&error))?;
        Ok(Self::Pattern {
            whole,
            ends,
            host: literal_host(&hir),
        })
    }

    /// The one registry whose images it can match: the place where a login that goes with a rule may be sent. `None` if there can be
    /// several, or if the text does not say so letter by letter.
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Any => None,
            Self::Exact { name, .. } => name.split_once('/').map(|(host, _)| host),
            Self::Pattern { host, .. } => host.as_deref(),
        }
    }

    /// Whether it matches a full reference.
    pub fn matches(&self, image: &ImageRef) -> bool {
        match self {
            Self::Any => true,
            Self::Exact { name, tag, digest } => {
                let same = match (digest, tag) {
                    (Some(digest), _) => image.digest.as_ref() == Some(digest),
                    (None, Some(tag)) => image.effective_tag() == Some(tag.as_str()),
                    (None, None) => true,
                };
                same && *name == image.name()
            }
            Self::Pattern { whole, ends, .. } => {
                let text = match &image.digest {
                    Some(digest) => image.pinned(digest),
                    None => image.to_string(),
                };
                whole.is_match(&text) || (!ends && boundaries(&text).any(|end| whole.is_match(&text[..end])))
            }
        }
    }
}

/// What every match begins with, up to its first slash: a full reference begins with its registry, and expressions are anchored.
fn literal_host(hir: &regex_syntax::hir::Hir) -> Option<String> {
    let beginnings = literal::Extractor::new().extract(hir);
    let common = std::str::from_utf8(beginnings.longest_common_prefix()?).ok()?;
    let (host, _) = common.split_once('/')?;
    (!host.is_empty()).then(|| host.to_owned())
}

/// How a rule's `image` is read: what is a valid name is a name, all else is an expression.
pub fn kind(text: &str) -> MatchKind {
    let text = text.trim();
    if text == "*" {
        MatchKind::Any
    } else if text.starts_with('^') || ImageRef::resolve(text, "localhost", "x").is_err() {
        MatchKind::Pattern
    } else {
        MatchKind::Exact
    }
}

/// Where a match may end before the end of a reference: on both sides of a slash, and before the tag or digest. Not before a
/// port: another port is another registry.
fn boundaries(text: &str) -> impl Iterator<Item = usize> {
    let last_slash = text.rfind('/').unwrap_or(0);
    text.char_indices()
        .flat_map(move |(at, c)| match c {
            '/' => [Some(at), Some(at + 1)],
            ':' | '@' if at > last_slash => [Some(at), None],
            _ => [None, None],
        })
        .flatten()
}

/// The outcome of a decision.
#[derive(Clone, Debug)]
pub enum Decision<'a> {
    /// Allowed by this rule.
    Allowed(&'a ContainerImage),
    /// Refused, with the reason for people.
    Denied(String),
}

/// Where grants are edited; every refusal names it.
pub const WHERE: &str = "Infrastructure > Container Images";

/// Decides whether `actor` may run `image`. Of several rules the first in list order that allows it wins.
pub fn decide<'a>(
    actor: &Actor,
    rules: impl IntoIterator<Item = (&'a ContainerImage, &'a Matcher)>,
    image: &ImageRef,
) -> Decision<'a> {
    let mut known = false;
    let mut too_old = None;
    let mut unversioned = None;
    for (rule, matcher) in rules {
        if !matcher.matches(image) {
            continue;
        }
        if !granted(actor, &rule.grants) {
            known = true;
            continue;
        }
        if !rule.minimum_version.is_empty() {
            // A minimum that is no version, from before they were checked, lets nothing through: it was meant to keep something out.
            match (numbers(&rule.minimum_version), image.effective_tag().and_then(numbers)) {
                (Some(minimum), Some(version)) if version >= minimum => {}
                (Some(_), Some(_)) => {
                    too_old = Some(&rule.minimum_version);
                    continue;
                }
                (Some(_) | None, None) | (None, Some(_)) => {
                    unversioned = Some(&rule.minimum_version);
                    continue;
                }
            }
        }
        return Decision::Allowed(rule);
    }
    let who = &actor.username;
    Decision::Denied(match (too_old, unversioned, known) {
        (Some(minimum), _, _) => format!("{image} is older than the minimum version {minimum} in {WHERE}."),
        (None, Some(minimum), _) => format!(
            "{image} cannot be compared with the minimum version {minimum} in {WHERE}. Name a tag such as {minimum}, without a digest."
        ),
        (None, None, true) => {
            format!("{who} has no access to the image {image}. An admin can grant it in {WHERE}.")
        }
        (None, None, false) => format!("No rule allows the image {image} for {who}. An admin can grant it in {WHERE}."),
    })
}

/// A version that can be compared, number by number: `25.5.3`.
pub fn numbers(version: &str) -> Option<Vec<u64>> {
    version.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use prt_types::{
        access::Role,
        container_images::ServiceType,
        ids::{ContainerImageId, GroupId, UserId},
    };
    use uuid::Uuid;

    use super::*;
    use crate::store::Grantee;

    fn matches(rule: &str, image: &str) -> bool {
        let matcher = Matcher::parse(rule, "ghcr.io/practicusai").unwrap();
        matcher.matches(&ImageRef::resolve(image, "ghcr.io/practicusai", "25.5.3").unwrap())
    }

    #[test]
    fn a_rule_matches_what_it_says_and_no_look_alike() {
        let demo = r"^my-registry\.my-company\.com\/demo\/";
        for (rule, image, expected) in [
            ("*", "anything.example.com/x", true),
            ("practicus-minimal", "practicus-minimal", true),
            ("practicus-minimal", "practicus-minimal:1.0", true),
            ("practicus-minimal", "practicus-minimal-evil", false),
            ("practicus-minimal", "evil.io/practicusai/practicus-minimal", false),
            ("h:5000/a:1", "h:5000/a:1", true),
            ("h:5000/a:1", "h:5000/a:2", false),
            ("h:5000/a", "h:5001/a", false),
            (demo, "my-registry.my-company.com/demo/x:1", true),
            (demo, "my-registry.my-company.com/demo-secret/x:1", false),
            (demo, "my-registry.my-company.com.evil.io/demo/x", false),
            (demo, "evil.io/my-registry.my-company.com/demo/x", false),
            // Unanchored, or cut short.
            (r"registry\.local", "registry.local/x", true),
            (r"registry\.local", "registry.local.evil.com/x", false),
            (r"registry\.local", "evil.com/registry.local/x", false),
            (r"registry\.local", "registry.local:5000/x", false),
            (r"^registry", "registry.evil.com/x", false),
            (r"^h\.io/demo", "h.io/demo/x", true),
            (r"^h\.io/demo", "h.io/demo:1", true),
            (r"^h\.io/demo", "h.io/demo-secret", false),
            (r"^h\.io/demo$", "h.io/demo/x", false),
            (r"^h\.io/demo:1$", "h.io/demo:1", true),
            (r"^h\.io/demo:1$", "h.io/demo:12", false),
            // A digest says what runs; the tag beside it says nothing.
            ("h.io/demo:good", "h.io/demo:good@DIGEST", false),
            ("h.io/demo:good", "h.io/demo@DIGEST", false),
            ("h.io/demo", "h.io/demo:good@DIGEST", true),
            ("h.io/demo@DIGEST", "h.io/demo@DIGEST", true),
            ("h.io/demo:x@DIGEST", "h.io/demo:y@DIGEST", true),
            ("h.io/demo@DIGEST", "h.io/demo:good", false),
            (r"^h\.io/demo:2", "h.io/demo:2@DIGEST", false),
            (r"^h\.io/demo", "h.io/demo:2@DIGEST", true),
            (r"^h\.io/demo$", "h.io/demo@DIGEST", false),
            // Alternatives stay inside the anchors.
            (r"^a\.io/x|b\.io/y", "evil.com/b.io/y", false),
            (r"^a\.io/x|b\.io/y", "b.io/y:1", true),
            (r"^a\.io/.*-gpu", "a.io/team/x-gpu:1", true),
        ] {
            let digest = format!("sha256:{}", "1".repeat(64));
            let (rule, image) = (rule.replace("DIGEST", &digest), image.replace("DIGEST", &digest));
            assert_eq!(matches(&rule, &image), expected, "{rule} on {image}");
        }
    }

    #[test]
    fn a_rule_fixes_its_registry_only_if_every_match_begins_with_it() {
        for (rule, host) in [
            ("*", None),
            ("practicus-minimal", Some("ghcr.io")),
            ("h.io:5000/demo/x:1", Some("h.io:5000")),
            ("library/python", Some("docker.io")),
            (r"^h\.io\/demo\/", Some("h.io")),
            (r"h\.io/", Some("h.io")),
            (r"^h\.io:5000/(a|b)[0-9]+$", Some("h.io:5000")),
            (r"^(?:h\.io/a|h\.io/b)", Some("h.io")),
            (r"^h\.io/x|^h\.io/y", Some("h.io")),
            (r"^127\.0\.0\.1:9977/", Some("127.0.0.1:9977")),
            // A dot is any character, and an end before the slash may go on.
            (r"^h.io/demo/", None),
            (r"^h\.io", None),
            (r"^h\.io(/|\.evil\.com/)", None),
            (r"^h\.io(:[0-9]+)?/", None),
            (r"^(a|b)\.io/x", None),
            (r"^a\.io/x|b\.io/y", None),
            (r"(?i)^h\.io/", None),
            (r".*h\.io/", None),
            (r"^(h\.io/)?x", None),
            (r"^(h\.io/)*x", None),
            (r"|h\.io/", None),
            (r"^/", None),
        ] {
            let matcher = Matcher::parse(rule, "ghcr.io/practicusai").unwrap();
            assert_eq!(matcher.host(), host, "{rule}");
        }
    }

    #[test]
    fn a_rule_for_a_bare_word_is_a_platform_image() {
        assert_eq!(kind("registry"), MatchKind::Exact);
        assert!(!matches("registry", "registry.evil.com/x"));
        assert!(matches("registry", "ghcr.io/practicusai/registry:1"));
    }

    #[test]
    fn broken_or_huge_expressions_are_refused() {
        for rule in ["^a(", "^a)(b", "^(a{1000}){1000}$", "^[", ""] {
            assert!(Matcher::parse(rule, "ghcr.io/practicusai").is_err(), "{rule}");
        }
    }

    fn actor(groups: Vec<GroupId>) -> Actor {
        Actor {
            user_id: UserId(Uuid::from_u128(1)),
            username: "alice".into(),
            role: Role::Admin,
            groups,
            only_worker: None,
            scope: prt_types::access::TokenScope::Full,
            token: None,
        }
    }

    fn rule(image: &str, minimum_version: &str, grants: Vec<Grantee>) -> (ContainerImage, Matcher) {
        let rule = ContainerImage {
            id: ContainerImageId(Uuid::from_u128(9)),
            image: image.into(),
            service_type: ServiceType::CloudWorker,
            name: String::new(),
            description: String::new(),
            version: String::new(),
            minimum_version: minimum_version.into(),
            recommended_version: String::new(),
            pull_policy: None,
            repo_username: String::new(),
            repo_password_sealed: None,
            repo_credential_id: None,
            trusted_with_credentials: false,
            startup_script: String::new(),
            order: 0,
            grants,
            revision: 1,
            created_ms: 0,
            updated_ms: 0,
        };
        let matcher = Matcher::parse(image, "ghcr.io/practicusai").unwrap();
        (rule, matcher)
    }

    fn outcome(actor: &Actor, rules: &[(ContainerImage, Matcher)], image: &str) -> Result<(), String> {
        let image = ImageRef::resolve(image, "ghcr.io/practicusai", "25.5.3").unwrap();
        match decide(actor, rules.iter().map(|(rule, matcher)| (rule, matcher)), &image) {
            Decision::Allowed(_) => Ok(()),
            Decision::Denied(reason) => Err(reason),
        }
    }

    #[test]
    fn nobody_runs_what_no_grant_allows_not_even_an_admin() {
        let group = GroupId(Uuid::from_u128(2));
        assert_eq!(
            outcome(&actor(vec![]), &[], "h.io/x:1"),
            Err("No rule allows the image h.io/x:1 for alice. An admin can grant it in Infrastructure > Container Images.".into())
        );
        let rules = [rule("*", "", vec![Grantee::Group(group)])];
        assert_eq!(outcome(&actor(vec![group]), &rules, "h.io/x:1"), Ok(()));
        assert_eq!(
            outcome(&actor(vec![]), &rules, "h.io/x:1"),
            Err("alice has no access to the image h.io/x:1. An admin can grant it in Infrastructure > Container Images.".into())
        );
        // A rule without grants opens nothing.
        assert!(outcome(&actor(vec![group]), &[rule("*", "", vec![])], "h.io/x:1").is_err());
        let by_name = [rule("h.io/x", "", vec![Grantee::User(UserId(Uuid::from_u128(1)))])];
        assert_eq!(outcome(&actor(vec![]), &by_name, "h.io/x:1"), Ok(()));
    }

    #[test]
    fn versions_below_the_minimum_are_refused() {
        let group = GroupId(Uuid::from_u128(2));
        let rules = [rule("practicus-minimal", "25.5.0", vec![Grantee::Group(group)])];
        let alice = actor(vec![group]);
        assert!(
            outcome(&alice, &rules, "practicus-minimal:25.4.9")
                .unwrap_err()
                .contains("older than the minimum version 25.5.0")
        );
        assert_eq!(outcome(&alice, &rules, "practicus-minimal:25.10.0"), Ok(()));
        for (image, minimum) in [
            ("practicus-minimal:latest", "cannot be compared"),
            ("practicus-minimal:v25.6.0", "cannot be compared"),
            ("practicus-minimal:25.6.0-rc1", "cannot be compared"),
            (
                "practicus-minimal:99.0.0@sha256:1111111111111111111111111111111111111111111111111111111111111111",
                "cannot be compared",
            ),
        ] {
            let refused = outcome(&alice, &rules, image).unwrap_err();
            assert!(refused.contains(minimum), "{image}: {refused}");
        }
        let unreadable = [rule("practicus-minimal", "abc", vec![Grantee::Group(group)])];
        let refused = outcome(&alice, &unreadable, "practicus-minimal:99.0").unwrap_err();
        assert!(
            refused.contains("cannot be compared with the minimum version abc"),
            "{refused}"
        );
    }
}

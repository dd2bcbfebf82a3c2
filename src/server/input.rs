//! What a REST request brings: path, query and body. Strict, and what does not fit is an `invalid_input` like any other.

use axum::{
    RequestPartsExt as _,
    extract::{self, FromRequest, FromRequestParts, RawPathParams, Request, path::ErrorKind, rejection::PathRejection},
    http::request::Parts,
};
use prt_types::{ErrorCode, FieldError};
use serde::de::DeserializeOwned;

use super::{extract::RequestId, problem::Problem};

/// A JSON body.
pub struct Body<T>(pub T);

/// A part of the address.
pub struct Path<T>(pub T);

/// The part of the address after `?`. Types refuse unknown names, so that a misspelt filter is not taken for none.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let id = RequestId::of(request.extensions());
        match extract::Json::<T>::from_request(request, state).await {
            Ok(extract::Json(value)) => Ok(Self(value)),
            Err(rejection) => {
                let text = rejection.body_text();
                // axum says which extractor failed; the part after it says what is wrong with the body.
                let text = text
                    .rsplit_once("target type: ")
                    .map_or(text.as_str(), |(_, words)| words);
                Err(Problem::of(
                    ErrorCode::InvalidInput,
                    format!("The request cannot be read: {text}."),
                    &id.0,
                ))
            }
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send + 'static> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let rejection = match parts.extract::<extract::Path<T>>().await {
            Ok(extract::Path(value)) => return Ok(Self(value)),
            Err(rejection) => rejection,
        };
        let id = RequestId::of(&parts.extensions);
        let (name, message) = match rejection {
            PathRejection::FailedToDeserializePathParams(failed) => match failed.into_kind() {
                ErrorKind::ParseError { value, .. } => {
                    let given = parts.extract::<RawPathParams>().await.ok();
                    let name = given.as_ref().and_then(|given| {
                        let mut named = given.iter().filter(|(_, text)| *text == value);
                        named.next().map(|(name, _)| name.to_owned())
                    });
                    (name, format!("{value:?} is no whole number."))
                }
                ErrorKind::InvalidUtf8InPathParam { key } => (Some(key), "It is no UTF-8 text.".into()),
                other => (None, format!("{other}.")),
            },
            other => (None, format!("{}.", other.body_text())),
        };
        Err(wrong(
            "The address is wrong.",
            name.as_deref().unwrap_or("path"),
            message,
            &id,
        ))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => {
                let (name, message) = explain(&rejection.body_text());
                let id = RequestId::of(&parts.extensions);
                Err(wrong("A query parameter is wrong.", &name, message, &id))
            }
        }
    }
}

fn wrong(what: &str, field: &str, message: String, id: &RequestId) -> Problem {
    let mut problem = Problem::of(ErrorCode::InvalidInput, what, &id.0);
    problem.0.fields.push(FieldError {
        field: field.to_owned(),
        message,
    });
    problem
}

/// From the words of axum's rejection to the parameter's name and our words.
fn explain(text: &str) -> (String, String) {
    let words = text
        .strip_prefix("Failed to deserialize query string: ")
        .unwrap_or(text);
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let (name, words) = match words.split_once(": ") {
        Some((name, words)) if is_name(name) => (name, words),
        _ => ("query", words),
    };
    let quoted = |begin: &str| words.strip_prefix(begin)?.split_once('`');
    if let Some((name, _)) = quoted("missing field `") {
        return (name.into(), "This parameter is missing.".into());
    }
    if let Some((name, _)) = quoted("duplicate field `") {
        return (name.into(), "This parameter is given twice.".into());
    }
    if let Some((name, rest)) = quoted("unknown field `") {
        let known = rest.trim_start_matches(", ");
        return (name.into(), format!("There is no such parameter: {known}."));
    }
    let message = if words.contains("nonzero") {
        "Write a whole number of at least 1.".into()
    } else if words.contains("digit found") || words.contains("integer from empty") || words.contains("number too") {
        "Write a whole number that is not below 0 and not too large.".into()
    } else {
        format!("{words}.")
    };
    (name.into(), message)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use axum::http::Uri;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only what is refused matters")]
    struct Sample {
        path: String,
        limit: Option<NonZeroU32>,
        after: Option<u64>,
        all: Option<bool>,
    }

    #[test]
    fn a_wrong_query_names_its_parameter() {
        let refused = |query: &str| {
            let uri: Uri = format!("/x?{query}").parse().unwrap();
            explain(&extract::Query::<Sample>::try_from_uri(&uri).unwrap_err().body_text())
        };
        let (name, message) = refused("");
        assert_eq!(
            (name.as_str(), message.as_str()),
            ("path", "This parameter is missing.")
        );
        let (name, message) = refused("path=a&foo=1");
        assert_eq!(name, "foo");
        assert!(
            message.starts_with("There is no such parameter: expected one of `path`"),
            "{message}"
        );
        assert_eq!(
            refused("path=a&path=b"),
            ("path".into(), "This parameter is given twice.".into())
        );
        for query in [
            "path=a&limit=-1",
            "path=a&limit=",
            "path=a&limit=abc",
            "path=a&limit=99999999999",
        ] {
            let (name, message) = refused(query);
            assert_eq!(name, "limit", "{query}");
            assert!(message.starts_with("Write a whole number"), "{query}: {message}");
        }
        assert_eq!(refused("path=a&limit=0").1, "Write a whole number of at least 1.");
        assert_eq!(refused("path=a&after=-1").0, "after");
        assert_eq!(refused("path=a&all=maybe").0, "all");
    }
}

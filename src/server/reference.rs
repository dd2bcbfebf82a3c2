//! The REST API's page in the documentation is made of the OpenAPI document.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{openapi, rest};

#[test]
fn the_reference_is_what_the_code_gives() {
    let document = openapi::complete(rest::v1::router().into_openapi());
    let document = serde_json::to_value(document).expect("the document is JSON");
    let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        // In the order of reading: look, then make, change, remove.
        for method in ["get", "post", "put", "delete"] {
            let operation = &item[method];
            let Some(id) = operation["operationId"].as_str() else {
                continue;
            };
            let tag = operation["tags"][0].as_str().unwrap_or("other");
            let summary = operation["summary"].as_str().unwrap_or_default().trim_end_matches('.');
            let row = format!("| `{} {path}` | {} | `{id}` |", method.to_uppercase(), cell(summary));
            groups.entry(tag).or_default().push(row);
        }
    }
    let mut page = String::from(
        "# REST API\n\nMade from the program by `scripts/docs.sh`. The whole description, with every field, is the OpenAPI document: \
         `/api/v1/openapi.json` at the console, or `prt-console openapi`.\n\n\
         - Send an API token as `Authorization: Bearer …`; [tokens](../tutorial/ci-cd.md#a-token-that-can-only-build) can be limited to builds.\n\
         - Bodies are JSON; unknown fields are refused.\n\
         - Every error has one shape: `code`, `message`, `hint`, `fields` (field and message), `request_id`. Its words are those of the console, \
         `prtcli` and Python.\n",
    );
    for (tag, rows) in groups {
        _ = write!(
            page,
            "\n## {}\n\n| request | what it does | operation |\n|---|---|---|\n{}\n",
            heading(tag),
            rows.join("\n")
        );
    }
    prt_docs::generated::check("rest", &page);
}

fn heading(tag: &str) -> String {
    let text = tag.replace(['-', '_'], " ");
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// A bar or a bracket would be markup.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "\\<").replace('\n', " ")
}

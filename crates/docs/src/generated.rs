//! For tests: pages that are made from the code.

use std::path::Path;

/// Set by `scripts/docs.sh`: the pages are written instead of compared.
pub const UPDATE: &str = "PRT_UPDATE_DOCS";

/// Says so, by a panic, if the page `docs/reference/<name>.md` is not what the code gives.
pub fn check(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/reference")
        .join(format!("{name}.md"));
    if std::env::var_os(UPDATE).is_some_and(|value| !value.is_empty()) {
        std::fs::write(&file, text).unwrap_or_else(|error| panic!("{} cannot be written: {error}", file.display()));
        return;
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    if let Some((at, (is, should))) = there
        .lines()
        .chain(std::iter::repeat("(nothing)"))
        .zip(text.lines())
        .enumerate()
        .find(|(_, (is, should))| is != should)
    {
        panic!(
            "docs/reference/{name}.md is not what the code gives; run scripts/docs.sh. Line {}:\n  is     {is}\n  should {should}",
            at + 1
        );
    }
    assert_eq!(
        there, text,
        "docs/reference/{name}.md is not what the code gives; run scripts/docs.sh"
    );
}

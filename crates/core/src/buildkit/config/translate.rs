//! What is meant, in the words that BuildKit takes. Everything else of the text stays as it was written.

use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

/// A change to a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    /// A registry under its other name.
    Rename { from: String, to: String },
    /// `client` as `keypair`.
    Keypair { host: String, cert: String, key: String },
    /// A registry that is reached by plain HTTP.
    PlainHttp { host: String },
}

impl Edit {
    /// Docker Hub under the name that BuildKit looks up.
    pub(super) fn renamed(host: &str) -> Self {
        Self::Rename {
            from: host.to_owned(),
            to: super::docker_hub(host).to_owned(),
        }
    }
}

pub(super) fn translate(text: &str, edits: &[Edit]) -> Result<String, String> {
    if edits.is_empty() {
        return Ok(text.to_owned());
    }
    let mut document: DocumentMut = text.parse().map_err(|error| format!("{error}"))?;
    let Some(registries) = document.get_mut("registry").and_then(Item::as_table_like_mut) else {
        return Ok(text.to_owned());
    };
    // Names change last: the other edits say which registry by the name that is written.
    let (renames, others): (Vec<&Edit>, Vec<&Edit>) =
        edits.iter().partition(|edit| matches!(edit, Edit::Rename { .. }));
    for edit in others.into_iter().chain(renames) {
        match edit {
            Edit::Keypair { host, cert, key } => {
                let Some(registry) = registries.get_mut(host) else {
                    continue;
                };
                let inline = registry.is_inline_table();
                let Some(registry) = registry.as_table_like_mut() else {
                    continue;
                };
                registry.remove("client");
                let pair = || [("cert", cert), ("key", key)];
                if inline {
                    let table = pair()
                        .into_iter()
                        .map(|(name, file)| (name, file.as_str()))
                        .collect::<toml_edit::InlineTable>();
                    registry.insert("keypair", value(toml_edit::Array::from_iter([table])));
                } else {
                    let mut table = Table::new();
                    for (name, file) in pair() {
                        table.insert(name, value(file.as_str()));
                    }
                    let mut tables = ArrayOfTables::new();
                    tables.push(table);
                    registry.insert("keypair", Item::ArrayOfTables(tables));
                }
            }
            Edit::PlainHttp { host } => {
                let registry = registries.entry(host).or_insert_with(|| Item::Table(Table::new()));
                if let Some(registry) = registry.as_table_like_mut() {
                    registry.insert("http", value(true));
                }
            }
            Edit::Rename { from, to } => {
                if let Some(registry) = registries.remove(from) {
                    registries.insert(to, registry);
                }
            }
        }
    }
    Ok(document.to_string())
}

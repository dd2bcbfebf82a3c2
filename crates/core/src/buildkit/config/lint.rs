//! A user's text against the schema. BuildKit itself passes over unknown keys in silence and finds most wrong values only while it
//! builds.

use prt_types::build_config::{Finding, Severity};
use toml_edit::{Document, Item, Key, TableLike, Value};

use super::{
    registries,
    schema::{Field, Kind, Note, ROOT, WORKER, is_duration, is_space},
    translate::{Edit, translate},
};

/// Longer texts are refused.
const LONGEST: usize = 256 * 1024;
/// More findings help nobody.
const MOST_FINDINGS: usize = 100;

/// What a look at a text gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Linted {
    /// By place.
    pub findings: Vec<Finding>,
    /// The text for BuildKit; absent if there is an error.
    pub text: Option<String>,
    /// Files and folders that the text names: whether they are there can only be seen in the builder.
    pub files: Vec<NamedFile>,
    /// Hosts that the text would have BuildKit ask: whether they are known can only be seen in the builder.
    pub hosts: Vec<NamedHost>,
}

impl Linted {
    /// Whether the text is refused.
    pub fn is_refused(&self) -> bool {
        self.text.is_none()
    }
}

/// What a configuration names by a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Without it BuildKit does not reach the registry.
    File,
    /// BuildKit takes the certificates in it; one that is not there counts as empty.
    Folder,
}

impl FileKind {
    /// A path as people write it.
    pub(super) fn example(self) -> &'static str {
        match self {
            Self::File => "/build/my.crt",
            Self::Folder => "/build/certs",
        }
    }
}

/// A file or folder that a configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// As written.
    pub file: String,
    /// Which of them.
    pub kind: FileKind,
    /// The place, without words.
    pub place: Finding,
    /// The registry that needs it.
    pub host: String,
}

/// A host that a configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedHost {
    /// Without a port.
    pub name: String,
    /// The place, without words.
    pub place: Finding,
}

/// Looks at a text and makes of it what BuildKit takes.
pub fn lint(text: &str) -> Linted {
    let mut look = Look::new(text);
    if text.len() > LONGEST {
        look.add(
            Severity::Error,
            None,
            "",
            "The configuration is longer than 256 KiB.".into(),
        );
        return look.end(None);
    }
    if text.trim().is_empty() {
        look.add(
            Severity::Error,
            None,
            "",
            "The configuration is empty. To go back to how the builder started, reset it.".into(),
        );
        return look.end(None);
    }
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let place = error.span().map(|span| span.start);
            look.add(
                Severity::Error,
                place,
                "",
                format!("This is no valid TOML: {}.", sentence(error.message())),
            );
            return look.end(None);
        }
    };
    look.table(document.as_table(), ROOT, "");
    let edits = std::mem::take(&mut look.edits);
    let text = if look.refused() {
        None
    } else {
        match translate(text, &edits) {
            Ok(text) => Some(text),
            Err(why) => {
                look.add(Severity::Error, None, "", why);
                None
            }
        }
    };
    look.end(text)
}

/// The state of one look.
pub(super) struct Look<'a> {
    text: &'a str,
    findings: Vec<(Option<usize>, Finding)>,
    pub files: Vec<NamedFile>,
    pub hosts: Vec<NamedHost>,
    pub edits: Vec<Edit>,
}

impl<'a> Look<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            findings: vec![],
            files: vec![],
            hosts: vec![],
            edits: vec![],
        }
    }

    /// Adds a finding at a byte offset.
    pub(super) fn add(&mut self, severity: Severity, at: Option<usize>, path: &str, message: String) {
        let finding = self.place(severity, at, path, message);
        self.findings.push((at, finding));
    }

    pub(super) fn place(&self, severity: Severity, at: Option<usize>, path: &str, message: String) -> Finding {
        let (line, column) = at.map_or((None, None), |at| {
            let before = &self.text[..floor(self.text, at)];
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            (Some(line as u32), Some(column as u32))
        });
        Finding {
            severity,
            line,
            column,
            path: path.to_owned(),
            message,
        }
    }

    fn refused(&self) -> bool {
        self.findings
            .iter()
            .any(|(_, finding)| finding.severity == Severity::Error)
    }

    fn end(mut self, text: Option<String>) -> Linted {
        self.findings.sort_by_key(|(at, _)| *at);
        let mut findings: Vec<Finding> = self.findings.into_iter().map(|(_, finding)| finding).collect();
        findings.truncate(MOST_FINDINGS);
        Linted {
            findings,
            text,
            files: self.files,
            hosts: self.hosts,
        }
    }

    fn table(&mut self, table: &dyn TableLike, schema: &[Field], path: &str) {
        for (name, item) in table.iter() {
            let at = table.get_key_value(name).and_then(|(key, item)| start(key, item));
            let path = join(path, name);
            // BuildKit's parser takes keys without regard to case.
            if let Some(field) = schema.iter().find(|field| field.name.eq_ignore_ascii_case(name)) {
                self.field(field, item, at, &path);
            } else {
                let known: Vec<&str> = schema.iter().map(|field| field.name).collect();
                self.unknown(at, &path, name, &known);
            }
        }
    }

    /// A key that BuildKit would pass over.
    pub(super) fn unknown(&mut self, at: Option<usize>, path: &str, name: &str, known: &[&str]) {
        let near = known
            .iter()
            .map(|known| {
                (
                    strsim::damerau_levenshtein(&known.to_ascii_lowercase(), &name.to_ascii_lowercase()),
                    known,
                )
            })
            .filter(|(distance, known)| *distance <= 1 + known.len() / 4 || known.starts_with(&format!("{name}.")))
            .min();
        let advice = match near {
            Some((_, near)) if near.contains('.') => format!(" Did you mean \"{near}\", with quotation marks?"),
            Some((_, near)) => format!(" Did you mean {near}?"),
            None => format!(" Known here: {}.", known.join(", ")),
        };
        self.add(
            Severity::Error,
            at,
            path,
            format!("BuildKit has no key {path}.{advice}"),
        );
    }

    fn field(&mut self, field: &Field, item: &Item, at: Option<usize>, path: &str) {
        match field.note {
            Note::None => {}
            Note::Refused(why) => {
                self.add(Severity::Error, at, path, format!("{path} {why}."));
                return;
            }
            Note::Deprecated(instead) => {
                self.add(
                    Severity::Notice,
                    at,
                    path,
                    format!("{path} is an old key; write {instead} instead."),
                );
            }
            Note::Warned(why) => self.add(Severity::Warning, at, path, format!("{path} {why}.")),
            Note::Not(value, why) => {
                if item.as_bool() == Some(value) {
                    self.add(Severity::Error, at, path, format!("{path} = {value} {why}."));
                    return;
                }
            }
        }
        let at = item.span().map(|span| span.start).or(at);
        match field.kind {
            Kind::Table(schema) => match item.as_table_like() {
                Some(table) => self.table(table, schema, path),
                None => self.wrong(at, path, "a table", item),
            },
            Kind::Worker(own) => match item.as_table_like() {
                Some(table) => self.table(table, &[own, WORKER].concat(), path),
                None => self.wrong(at, path, "a table", item),
            },
            Kind::Tables(schema) => match tables(item) {
                Some(tables) => {
                    for table in tables {
                        self.table(table, schema, path);
                    }
                }
                None => self.wrong(at, path, "an array of tables", item),
            },
            Kind::Registries => match item.as_table_like() {
                Some(table) => registries::look(self, table),
                None => self.wrong(at, path, "a table", item),
            },
            Kind::Labels => match item.as_table_like() {
                Some(table) if table.iter().all(|(_, item)| item.is_str()) => {}
                _ => self.wrong(at, path, "a table of texts", item),
            },
            Kind::Free => {}
            Kind::Bool => self.must(item.is_bool(), at, path, "true or false", item),
            Kind::Int => {
                let fits = item.as_integer().is_some_and(|number| number >= 0);
                self.must(fits, at, path, "a whole number that is not negative", item);
            }
            Kind::Text => self.must(item.is_str(), at, path, "a text", item),
            Kind::OneOf(words) => {
                let fits = item
                    .as_str()
                    .is_some_and(|text| text.is_empty() || words.contains(&text));
                self.must(fits, at, path, &format!("one of {}", quoted(words)), item);
            }
            Kind::Texts => self.must(texts(item).is_some(), at, path, "an array of texts", item),
            Kind::Duration => {
                let fits = item.is_integer() || item.as_str().is_some_and(is_duration);
                self.must(fits, at, path, "a number of seconds, or a text such as \"48h\"", item);
            }
            Kind::Space => {
                let fits = item.is_integer() || item.as_str().is_some_and(is_space);
                self.must(
                    fits,
                    at,
                    path,
                    "a number of bytes, or a text such as \"10GB\" or \"20%\"",
                    item,
                );
            }
        }
    }

    pub(super) fn must(&mut self, fits: bool, at: Option<usize>, path: &str, wanted: &str, item: &Item) {
        if !fits {
            self.wrong(at, path, wanted, item);
        }
    }

    pub(super) fn wrong(&mut self, at: Option<usize>, path: &str, wanted: &str, item: &Item) {
        let found = match item.as_value() {
            Some(Value::String(text)) => format!("{:?}", text.value()),
            Some(Value::Integer(number)) => number.value().to_string(),
            Some(Value::Boolean(truth)) => truth.value().to_string(),
            _ => format!("a value of the type {}", item.type_name()),
        };
        self.add(Severity::Error, at, path, format!("{path} is {wanted}, not {found}."));
    }
}

/// Where a key is written, else its value.
pub(super) fn start(key: &Key, item: &Item) -> Option<usize> {
    key.span().or_else(|| item.span()).map(|span| span.start)
}

/// The texts of an array, each with its place.
pub(super) fn texts(item: &Item) -> Option<Vec<(&str, Option<usize>)>> {
    item.as_array()?
        .iter()
        .map(|value| Some((value.as_str()?, value.span().map(|span| span.start))))
        .collect()
}

/// The tables of an array of tables, in either notation.
pub(super) fn tables(item: &Item) -> Option<Vec<&dyn TableLike>> {
    match item {
        Item::ArrayOfTables(tables) => Some(tables.iter().map(|table| table as &dyn TableLike).collect()),
        Item::Value(Value::Array(array)) => array
            .iter()
            .map(|value| value.as_inline_table().map(|table| table as &dyn TableLike))
            .collect(),
        _ => None,
    }
}

pub(super) fn join(path: &str, name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let name = if bare { name.to_owned() } else { format!("{name:?}") };
    if path.is_empty() {
        name
    } else {
        format!("{path}.{name}")
    }
}

fn quoted(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("\"{word}\""))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A parser's words without line breaks and the last full stop.
fn sentence(text: &str) -> String {
    text.trim().trim_end_matches('.').replace('\n', "; ")
}

/// The start of the character at or before a byte.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

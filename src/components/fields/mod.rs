//! Fields of forms: label, hint, control and error, tied together for screen readers.

mod check;
mod check_list;
mod field;
mod radio;
mod select;
mod text;

pub use check::CheckField;
pub use check_list::CheckList;
pub use field::{Control, Field};
pub use radio::RadioField;
pub use select::SelectField;
pub use text::{PasswordField, TextAreaField, TextField};

/// One of several things to choose from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is shown.
    pub label: String,
    /// A word beside it.
    pub hint: String,
}

impl Choice {
    /// A choice that is shown as `label`.
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            label: label.into(),
            hint: String::new(),
        }
    }

    /// The same choice with a word beside it.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}

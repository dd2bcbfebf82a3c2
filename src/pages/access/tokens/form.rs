use prt_types::{
    ApiError, ErrorCode, FieldError,
    access::{TokenInput, TokenScope},
};
use serde::{Deserialize, Serialize};

use crate::{components::Choice, error::AppError};

/// A new token as typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenForm {
    pub name: String,
    pub scope: String,
    pub worker: String,
    pub expires_in_days: String,
}

impl Default for TokenForm {
    fn default() -> Self {
        Self {
            name: String::new(),
            scope: TokenScope::Build.name().into(),
            worker: String::new(),
            expires_in_days: "90".into(),
        }
    }
}

impl TokenForm {
    /// The request.
    pub fn input(&self) -> Result<TokenInput, AppError> {
        let scope = TokenScope::ALL.into_iter().find(|scope| scope.name() == self.scope);
        let days = match self.expires_in_days.trim() {
            "" => Some(None),
            days => days.parse().ok().map(Some),
        };
        let worker = self.worker.trim();
        match (scope, days) {
            (Some(scope), Some(expires_in_days)) => Ok(TokenInput {
                name: self.name.clone(),
                expires_in_days,
                scope,
                worker: (!worker.is_empty()).then(|| worker.to_owned()),
            }),
            (None, _) => Err(wrong("scope", "Choose what the token is for.")),
            (_, None) => Err(wrong("expires_in_days", "A whole number of days is expected.")),
        }
    }
}

fn wrong(field: &str, message: &str) -> AppError {
    AppError(ApiError {
        code: ErrorCode::InvalidInput,
        message: message.into(),
        hint: None,
        fields: vec![FieldError {
            field: field.into(),
            message: message.into(),
        }],
        request_id: String::new(),
    })
}

/// What a token may be used for.
pub fn scope_choices() -> Vec<Choice> {
    [TokenScope::Build, TokenScope::BuildAndStart, TokenScope::Full]
        .into_iter()
        .map(|scope| Choice::new(scope.name(), scope.words()))
        .collect()
}

/// When it ends; what was typed elsewhere stays to be seen.
pub fn end_choices(chosen: &str) -> Vec<Choice> {
    let mut choices: Vec<Choice> = [
        ("7", "7 days"),
        ("30", "30 days"),
        ("90", "90 days"),
        ("365", "1 year"),
        ("", "It does not end by itself"),
    ]
    .into_iter()
    .map(|(days, text)| Choice::new(days, text))
    .collect();
    if choices.iter().all(|choice| choice.value != chosen) {
        choices.push(Choice::new(chosen, chosen));
    }
    choices
}

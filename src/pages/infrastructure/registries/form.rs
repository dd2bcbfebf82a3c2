//! The editor's form: what a browser can send, which is text, and the way to and from core's types.

use prt_types::{
    Secret,
    registry_credentials::{CredentialScope, RegistryCredentialInput, RegistryCredentialView},
};
use serde::{Deserialize, Serialize};

use crate::{
    components::time::utc_text,
    error::AppError,
    forms::seen_revision,
    pages::workers::{field, refusal},
};

const DAY_MS: i64 = 86_400_000;

/// A credential as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegistryCredentialForm {
    pub name: String,
    pub host: String,
    pub username: String,
    /// Empty keeps the stored one.
    pub password: String,
    /// `everyone`, `group:NAME` or `user:NAME`; empty = the viewer.
    pub owner: String,
    /// A date, with or without a time, in UTC; empty = never.
    pub expires_ms: String,
    /// The end as it is stored, whose milliseconds the text above does not show.
    pub expires_stored: String,
    /// What the editor saw; empty for a new one.
    pub revision: String,
    /// Saves although somebody else has changed it meanwhile.
    pub overwrite: bool,
}

impl RegistryCredentialForm {
    /// The same without what must not be kept or shown again.
    pub fn without_secrets(&self) -> Self {
        Self {
            password: String::new(),
            ..self.clone()
        }
    }

    /// What core takes. The stored password stays unless another is given.
    pub fn input(&self) -> Result<RegistryCredentialInput, AppError> {
        let mut fields = Vec::new();
        let typed = self.expires_ms.trim();
        let stored = self
            .expires_stored
            .parse()
            .ok()
            .filter(|stored| end_text(*stored) == typed);
        let expires_ms = match (typed, stored) {
            ("", _) => None,
            (_, Some(stored)) => Some(stored),
            (typed, None) => end_ms(typed).or_else(|| {
                fields.push(field(
                    "expires_ms",
                    "Write a date such as 2027-01-31; it is the last day, in UTC.",
                ));
                None
            }),
        };
        let (scope, owner) = match self.owner.split_once(':') {
            Some(("group", name)) => (CredentialScope::Group, name),
            Some(("user", name)) => (CredentialScope::User, name),
            None if self.owner == "everyone" => (CredentialScope::Everyone, ""),
            None if self.owner.is_empty() => (CredentialScope::User, ""),
            Some(_) | None => {
                fields.push(field("owner", "Choose who may use it."));
                (CredentialScope::User, "")
            }
        };
        if let Some(error) = refusal(fields) {
            return Err(error);
        }
        Ok(RegistryCredentialInput {
            name: self.name.clone(),
            host: self.host.clone(),
            username: self.username.clone(),
            password: (!self.password.is_empty()).then(|| Secret::new(self.password.clone())),
            scope,
            owner: owner.to_owned(),
            expires_ms,
            revision: seen_revision(&self.revision, self.overwrite),
        })
    }
}

impl From<RegistryCredentialView> for RegistryCredentialForm {
    fn from(view: RegistryCredentialView) -> Self {
        let owner = match view.scope {
            CredentialScope::User => format!("user:{}", view.owner),
            CredentialScope::Group => format!("group:{}", view.owner),
            CredentialScope::Everyone => "everyone".into(),
        };
        Self {
            name: view.name,
            host: view.host,
            username: view.username,
            password: String::new(),
            owner,
            expires_ms: view.expires_ms.map_or_else(String::new, end_text),
            expires_stored: view.expires_ms.map_or_else(String::new, |end| end.to_string()),
            revision: view.revision.to_string(),
            overwrite: false,
        }
    }
}

/// `2027-01-31` for the end of a day, else with the time.
pub fn end_text(ms: i64) -> String {
    let text = utc_text(ms);
    match text.split_once(' ') {
        Some((day, _)) if ms.rem_euclid(DAY_MS) == DAY_MS - 1 => day.to_owned(),
        _ => text,
    }
}

/// The other way: a date is its last moment.
fn end_ms(text: &str) -> Option<i64> {
    let text = text.trim_end_matches("UTC").trim_end();
    let (day, time) = match text.split_once([' ', 'T']) {
        Some((day, time)) => (day, Some(time)),
        None => (text, None),
    };
    let begin = day_ms(day)?;
    let Some(time) = time else {
        return Some(begin + DAY_MS - 1);
    };
    let mut parts = time.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().map_or(Some(0), |part| part)?;
    let fits = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
    (fits && parts.next().is_none()).then(|| begin + ((hour * 60 + minute) * 60 + second) * 1000)
}

/// The beginning of a day. Howard Hinnant's `days_from_civil`, checked by going back.
fn day_ms(text: &str) -> Option<i64> {
    let mut parts = text.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let (era, year_of_era) = (shifted_year.div_euclid(400), shifted_year.rem_euclid(400));
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let ms = (era * 146_097 + day_of_era - 719_468) * DAY_MS;
    (parts.next().is_none() && utc_text(ms).starts_with(&format!("{year:04}-{month:02}-{day:02} "))).then_some(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_read_as_it_is_written() {
        for (text, ms) in [
            ("1970-01-01", 86_399_999),
            ("2000-02-29", 951_868_799_999),
            ("2025-11-23 09:06:12 UTC", 1_763_888_772_000),
            ("2025-11-23 09:06", 1_763_888_760_000),
        ] {
            assert_eq!(end_ms(text), Some(ms), "{text}");
        }
        for ms in [86_399_999, 1_763_888_772_000, 4_102_444_799_999] {
            assert_eq!(end_ms(&end_text(ms)), Some(ms));
        }
        for wrong in [
            "tomorrow",
            "2027-02-29",
            "2027-13-01",
            "2027-1",
            "2027-01-01 25:00",
            "2027-01-01 1",
            "1-1-1",
        ] {
            assert_eq!(end_ms(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_was_not_touched_stays() {
        let form = RegistryCredentialForm {
            owner: "group:data:science".into(),
            expires_ms: "2025-11-23 09:06:12 UTC".into(),
            expires_stored: "1763888772345".into(),
            revision: "3".into(),
            ..RegistryCredentialForm::default()
        };
        let input = form.input().unwrap();
        assert_eq!(
            (input.expires_ms, input.revision, input.password),
            (Some(1_763_888_772_345), Some(3), None)
        );
        assert_eq!((input.scope, &*input.owner), (CredentialScope::Group, "data:science"));
        let changed = RegistryCredentialForm {
            expires_ms: "soon".into(),
            owner: "x".into(),
            password: "p".into(),
            ..form
        };
        let error = changed.input().unwrap_err().0;
        assert!(error.field("expires_ms").is_some() && error.field("owner").is_some());
        assert_eq!(changed.without_secrets().password, "");
    }
}

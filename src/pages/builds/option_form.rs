//! `docker build`'s options as they are typed into the form.

use prt_types::{
    FieldError, Secret,
    builds::{BuildRequest, BuildSecret},
};
use serde::{Deserialize, Serialize};

use super::key_values;
use crate::pages::workers::field;

/// Rows for secrets in the form.
pub const SECRET_ROWS: usize = 3;

/// The options as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OptionForm {
    pub additional_tags: String,
    pub target: String,
    pub platforms: String,
    pub labels: String,
    pub pull: bool,
    pub secrets: Vec<SecretForm>,
    pub network: String,
    pub add_hosts: String,
    pub shm_size: String,
    pub ulimits: String,
    pub cache_from: String,
    pub cache_to: String,
    pub docker_mediatypes: bool,
}

/// A secret as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SecretForm {
    pub id: String,
    pub value: String,
}

impl OptionForm {
    /// Takes one field of a plain POST; says whether there is such a field.
    pub fn set(&mut self, name: &str, value: String) -> bool {
        let place = match name {
            "additional_tags" => &mut self.additional_tags,
            "target" => &mut self.target,
            "platforms" => &mut self.platforms,
            "labels" => &mut self.labels,
            "network" => &mut self.network,
            "add_hosts" => &mut self.add_hosts,
            "shm_size" => &mut self.shm_size,
            "ulimits" => &mut self.ulimits,
            "cache_from" => &mut self.cache_from,
            "cache_to" => &mut self.cache_to,
            "pull" => {
                self.pull = value == "true";
                return true;
            }
            "docker_mediatypes" => {
                self.docker_mediatypes = value == "true";
                return true;
            }
            _ => return self.set_secret(name, &value),
        };
        *place = value;
        true
    }

    /// `secrets[0][id]`
    fn set_secret(&mut self, name: &str, value: &str) -> bool {
        let part = || {
            let (row, part) = name.strip_prefix("secrets[")?.strip_suffix(']')?.split_once("][")?;
            Some((row.parse::<usize>().ok().filter(|row| *row < SECRET_ROWS)?, part))
        };
        let Some((row, part)) = part() else { return false };
        if self.secrets.len() <= row {
            self.secrets.resize_with(row + 1, SecretForm::default);
        }
        let secret = &mut self.secrets[row];
        match part {
            "id" => value.trim().clone_into(&mut secret.id),
            // Browsers send CRLF for each end of a line.
            "value" => secret.value = value.replace("\r\n", "\n"),
            _ => return false,
        }
        true
    }

    /// The same without what must not be kept.
    pub fn without_secrets(mut self) -> Self {
        self.secrets.iter_mut().for_each(|secret| secret.value.clear());
        self
    }

    /// Whether nothing was filled in.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
            || *self
                == Self {
                    secrets: self.secrets.iter().map(|_| SecretForm::default()).collect(),
                    ..Self::default()
                }
    }

    /// Puts the options into a request. What cannot even be read is added to `fields`.
    pub fn fill(self, request: &mut BuildRequest, fields: &mut Vec<FieldError>) {
        request.labels = key_values::parse(&self.labels).unwrap_or_else(|message| {
            fields.push(field("labels", &message));
            std::collections::BTreeMap::default()
        });
        request.additional_tags = lines(&self.additional_tags);
        request.platforms = lines(&self.platforms.replace(',', "\n"));
        request.add_hosts = lines(&self.add_hosts);
        request.ulimits = lines(&self.ulimits);
        request.cache_from = lines(&self.cache_from);
        request.cache_to = lines(&self.cache_to);
        self.target.trim().clone_into(&mut request.target);
        self.network.trim().clone_into(&mut request.network);
        self.shm_size.trim().clone_into(&mut request.shm_size);
        request.pull = self.pull;
        request.oci_mediatypes = self.docker_mediatypes.then_some(false);
        request.secrets = secrets(self.secrets);
    }
}

/// The rows that were filled in; half a row is for core to judge.
pub fn secrets(rows: Vec<SecretForm>) -> Vec<BuildSecret> {
    rows.into_iter()
        .filter(|row| !row.id.is_empty() || !row.value.is_empty())
        .map(|row| BuildSecret {
            id: row.id,
            value: Some(Secret::new(row.value)),
            ..BuildSecret::default()
        })
        .collect()
}

fn lines(text: &str) -> Vec<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_post_fills_the_options() {
        let mut form = OptionForm::default();
        for (name, value) in [
            ("additional_tags", "r.io/a:2\r\n\r\n r.io/b \r\n"),
            ("target", " web "),
            ("platforms", "linux/amd64, linux/arm64"),
            ("labels", "a=1\r\nb=x y"),
            ("pull", "true"),
            ("secrets[0][id]", " npm "),
            ("secrets[0][value]", "line 1\r\nline 2\r\n"),
            ("secrets[2][id]", ""),
            ("docker_mediatypes", "true"),
        ] {
            assert!(form.set(name, value.to_owned()), "{name}");
        }
        for name in ["secrets[3][id]", "secrets[0][src]", "nonsense"] {
            assert!(!form.set(name, String::new()), "{name}");
        }
        let (mut request, mut fields) = (BuildRequest::default(), vec![]);
        form.clone().fill(&mut request, &mut fields);
        assert_eq!(fields, []);
        assert_eq!(request.additional_tags, ["r.io/a:2", "r.io/b"]);
        assert_eq!((&*request.target, request.pull), ("web", true));
        assert_eq!(request.platforms, ["linux/amd64", "linux/arm64"]);
        assert_eq!(request.labels["b"], "x y");
        assert_eq!(request.oci_mediatypes, Some(false));
        assert_eq!(request.secrets.len(), 1);
        assert_eq!(
            request.secrets[0].value.as_ref().map(Secret::expose),
            Some("line 1\nline 2\n")
        );
        assert!(!form.is_empty() && !format!("{:?}", form.without_secrets()).contains("line 1"));
    }

    #[test]
    fn an_untouched_form_asks_for_nothing() {
        let mut form = OptionForm::default();
        for name in ["target", "labels", "secrets[1][id]", "secrets[1][value]"] {
            form.set(name, String::new());
        }
        assert!(form.is_empty());
        let (mut request, mut fields) = (BuildRequest::default(), vec![]);
        form.fill(&mut request, &mut fields);
        assert_eq!((request, fields), (BuildRequest::default(), vec![]));
    }
}

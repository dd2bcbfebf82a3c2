//! `--secret id=ID[,src=FILE|,env=NAME|,personal=NAME|,shared=NAME]`, as `docker build` has it. The value is never an argument.

use prt_types::builds::BuildSecret;

use crate::error::{CliError, Result};

const SHAPE: &str = "--secret: id=ID with src=FILE or env=NAME is expected, or personal=NAME or shared=NAME for a secret that the console stores";

/// Reads the secrets with their values.
pub fn read(values: &[String]) -> Result<Vec<BuildSecret>> {
    values
        .iter()
        .map(|value| one(value, |name| std::env::var(name).ok()))
        .collect()
}

fn one(text: &str, environment: impl Fn(&str) -> Option<String>) -> Result<BuildSecret> {
    let mut secret = BuildSecret::default();
    let (mut file, mut variable, mut kind) = (None, None, None);
    for part in text.split(',') {
        // A part that is no pair is not shown: it may be a value.
        let Some((key, value)) = part.split_once('=') else {
            return Err(CliError::usage(SHAPE));
        };
        let value = value.to_owned();
        match key.trim() {
            "id" => secret.id = value,
            "src" | "source" => file = Some(value),
            "env" => variable = Some(value),
            "type" => kind = Some(value),
            "personal" => secret.personal_secret = Some(value),
            "shared" => secret.shared_secret = Some(value),
            _ => return Err(CliError::usage(SHAPE)),
        }
    }
    if !matches!(kind.as_deref(), None | Some("file" | "env")) {
        return Err(CliError::usage_hint(SHAPE, "type is file or env"));
    }
    // With `type=env` docker takes the variable's name from src.
    if kind.as_deref() == Some("env") && variable.is_none() {
        variable = file.take();
    }
    let stored = secret.personal_secret.is_some() || secret.shared_secret.is_some();
    if secret.id.is_empty() {
        secret.id = file.clone().or_else(|| variable.clone()).unwrap_or_default();
    }
    if secret.id.is_empty() {
        return Err(CliError::usage(SHAPE));
    }
    let id = &secret.id;
    let given = [file.is_some(), variable.is_some(), stored];
    match given.iter().filter(|given| **given).count() {
        0 | 1 => {}
        _ => {
            return Err(CliError::usage_hint(
                SHAPE,
                format!("the secret {id} is to come from one place"),
            ));
        }
    }
    if stored {
        return Ok(secret);
    }
    // As docker: without a source it is the variable of that name, or else the file.
    let value = match (&file, &variable) {
        (None, Some(name)) => environment(name)
            .ok_or_else(|| CliError::usage(format!("--secret: the variable {name} of the secret {id} is not set")))?,
        (None, None) => match environment(id) {
            Some(value) => value,
            None => from_file(id, id)?,
        },
        (Some(path), _) => from_file(id, path)?,
    };
    if value.is_empty() {
        return Err(CliError::usage(format!(
            "--secret: the value of the secret {id} is empty"
        )));
    }
    secret.value = Some(value.into());
    Ok(secret)
}

fn from_file(id: &str, path: &str) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|source| CliError::Io {
        what: format!("cannot read the file {path} of the secret {id}"),
        source,
    })?;
    String::from_utf8(bytes).map_err(|_| {
        CliError::usage_hint(
            format!("--secret: the file {path} of the secret {id} is not text in UTF-8"),
            "encode it, for example as base64, and decode it in the RUN step",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        (name == "TOKEN").then(|| "from the environment".to_owned())
    }

    #[test]
    fn a_value_comes_from_a_file_or_the_environment() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "line 1\r\nline 2\n").unwrap();
        let path = file.path().to_str().unwrap();
        for (text, id, value) in [
            (format!("id=npm,src={path}"), "npm", "line 1\r\nline 2\n"),
            (format!("type=file,source={path},id=npm"), "npm", "line 1\r\nline 2\n"),
            ("id=x,env=TOKEN".into(), "x", "from the environment"),
            ("type=env,id=x,src=TOKEN".into(), "x", "from the environment"),
            ("id=TOKEN".into(), "TOKEN", "from the environment"),
        ] {
            let secret = one(&text, environment).unwrap();
            assert_eq!((&*secret.id, secret.value.unwrap().expose()), (id, value), "{text}");
        }
        let stored = one("id=npm,shared=NPM_TOKEN", environment).unwrap();
        assert_eq!(
            (stored.value, stored.shared_secret.as_deref()),
            (None, Some("NPM_TOKEN"))
        );
    }

    #[test]
    fn wrong_use_shows_no_value() {
        for text in [
            "canary",
            "id=a,canary",
            "id=a,value=canary",
            "src=",
            "id=a,env=NOT_SET",
            "id=a,src=x,env=TOKEN",
            "id=a,shared=S,personal=P,env=TOKEN",
            "type=ssh,id=a",
        ] {
            let error = one(text, environment).unwrap_err();
            assert!(
                error.exit_code() == 2 && !error.text().contains("canary"),
                "{text}: {}",
                error.text()
            );
        }
    }
}

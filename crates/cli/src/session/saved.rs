//! The saved login: one server, readable by its owner only.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use prt_types::{Secret, ids::TokenId};
use serde::{Deserialize, Serialize};

use crate::error::{CliError, Result};

/// What `login` keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedLogin {
    /// The console's address.
    pub url: String,
    /// Who logged in, for people who look into the file.
    pub username: String,
    /// The API token.
    pub token: Secret,
    /// Names the token at the server, so that `logout` can revoke it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_id: Option<TokenId>,
}

impl SavedLogin {
    /// `$XDG_CONFIG_HOME/prt/login.toml`, or under `~/.config`.
    pub fn path() -> Option<PathBuf> {
        let config = std::env::var_os("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute());
        let config = config.or_else(|| std::env::home_dir().map(|home| home.join(".config")))?;
        Some(config.join("prt").join("login.toml"))
    }

    pub fn load() -> Result<Option<Self>> {
        Self::path().map_or(Ok(None), |path| Self::load_from(&path))
    }

    fn load_from(path: &Path) -> Result<Option<Self>> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(source) => {
                return Err(CliError::Io {
                    what: format!("cannot read the saved login {}", path.display()),
                    source,
                });
            }
        };
        // The parser's message would quote the line, and the line may be the token's.
        toml::from_str(&text).map(Some).map_err(|_| {
            CliError::failed_hint(
                format!("the saved login {} cannot be read", path.display()),
                "remove it and log in again with `prtcli login`",
            )
        })
    }

    /// Saves it and says where.
    pub fn save(&self) -> Result<PathBuf> {
        let path = Self::path().ok_or_else(|| {
            CliError::failed_hint(
                "there is no place to save the login",
                "set HOME or XDG_CONFIG_HOME, or use PRT_TOKEN",
            )
        })?;
        self.save_to(&path).map_err(|source| CliError::Io {
            what: format!("cannot save the login to {}", path.display()),
            source,
        })?;
        Ok(path)
    }

    fn save_to(&self, path: &Path) -> io::Result<()> {
        let text = toml::to_string(self).map_err(io::Error::other)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        // A new file that takes the old one's place: never half written, never with the old one's looser mode.
        let draft = folder.join(format!(".login.toml.{}", std::process::id()));
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(&draft).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&draft, path)
        });
        if written.is_err() {
            _ = fs::remove_file(&draft);
        }
        written
    }

    /// Forgets it; no login is fine.
    pub fn remove() -> Result<()> {
        let Some(path) = Self::path() else {
            return Ok(());
        };
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(CliError::Io {
                what: format!("cannot remove {}", path.display()),
                source,
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_kept_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prt").join("login.toml");
        assert_eq!(SavedLogin::load_from(&path).unwrap(), None);
        let mut login = SavedLogin {
            url: "http://x".into(),
            username: "ada".into(),
            token: "prt_\"secret\"".into(),
            token_id: None,
        };
        login.save_to(&path).unwrap();
        login.token_id = Some("0190b2f4-0000-7000-8000-000000000001".parse().unwrap());
        login.save_to(&path).unwrap();
        assert_eq!(SavedLogin::load_from(&path).unwrap(), Some(login));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_broken_file_does_not_show_its_token() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("login.toml");
        fs::write(&path, "token = \"canary").unwrap();
        assert!(!SavedLogin::load_from(&path).unwrap_err().text().contains("canary"));
    }
}

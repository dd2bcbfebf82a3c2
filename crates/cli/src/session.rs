//! Which server, with which token: options, environment, saved login, in this order.

mod saved;

use std::path::Path;

use prt_client::{Client, ClientError, Door};
use prt_types::Secret;

pub use saved::SavedLogin;

use crate::{
    args::Global,
    error::{CliError, Result},
    output::Out,
    sanitize::visible_lines,
};

/// What every command works with.
#[derive(Debug)]
pub struct Session {
    pub client: Client,
    pub out: Out,
}

impl Session {
    /// From options, environment and saved login.
    pub fn open(global: &Global) -> Result<Self> {
        let out = Out::new(global.output, global.color);
        let saved = SavedLogin::load()?;
        let Some(url) = address(global, saved.as_ref()) else {
            return Err(CliError::usage_hint(
                "no server is given",
                "log in with `prtcli login --url URL --username NAME`, or set PRT_URL and PRT_TOKEN",
            ));
        };
        let environment_url = std::env::var("PRT_URL").ok();
        let token = match token_source(global, &url, environment_url.as_deref(), saved.as_ref()) {
            TokenSource::Given(token) => Some(token),
            TokenSource::File(path) => Some(read_token(path)?),
            TokenSource::None => None,
        };
        Ok(Self {
            client: client(&url, token)?,
            out,
        })
    }
}

/// A client that comes in by the command line's door.
pub fn client(url: &str, token: Option<Secret>) -> Result<Client> {
    match Client::new(url, token) {
        Ok(client) => Ok(client
            .with_door(Door::Cli)
            .with_retries(|why| Out::note(&visible_lines(why)))),
        Err(ClientError::Protocol { message, .. }) => Err(CliError::usage(message)),
        Err(error) => Err(error.into()),
    }
}

fn given(value: Option<&String>) -> Option<&str> {
    // A variable that is set to nothing counts as not set.
    value.map(|value| value.trim()).filter(|value| !value.is_empty())
}

fn address(global: &Global, saved: Option<&SavedLogin>) -> Option<String> {
    given(global.url.as_ref())
        .map(ToOwned::to_owned)
        .or_else(|| saved.map(|saved| saved.url.clone()))
}

#[derive(Debug, PartialEq, Eq)]
enum TokenSource<'a> {
    Given(Secret),
    File(&'a Path),
    None,
}

/// Chooses the token so that none is ever sent to another server than the one it is for.
fn token_source<'a>(
    global: &'a Global,
    url: &str,
    environment_url: Option<&str>,
    saved: Option<&SavedLogin>,
) -> TokenSource<'a> {
    if let Some(token) = given(global.token.as_ref()) {
        return TokenSource::Given(token.into());
    }
    if let Some(path) = global.token_file.as_deref().filter(|path| !path.as_os_str().is_empty()) {
        // Inside a worker the token file belongs to PRT_URL; `--url` may name another console.
        if environment_url.is_none_or(|environment| same(environment, url)) {
            return TokenSource::File(path);
        }
    }
    match saved {
        Some(saved) if same(&saved.url, url) => TokenSource::Given(saved.token.clone()),
        _ => TokenSource::None,
    }
}

fn same(one: &str, other: &str) -> bool {
    one.trim()
        .trim_end_matches('/')
        .eq_ignore_ascii_case(other.trim().trim_end_matches('/'))
}

fn read_token(path: &Path) -> Result<Secret> {
    let text = std::fs::read_to_string(path).map_err(|source| CliError::Io {
        what: format!("cannot read the token file {}", path.display()),
        source,
    })?;
    Ok(text.trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn global(url: Option<&str>, token: Option<&str>, file: Option<&str>) -> Global {
        Global {
            url: url.map(Into::into),
            token: token.map(Into::into),
            token_file: file.map(Into::into),
            ..Global::default()
        }
    }

    fn saved() -> SavedLogin {
        SavedLogin {
            url: "http://saved:1/".into(),
            username: "ada".into(),
            token: "kept".into(),
            token_id: None,
        }
    }

    #[test]
    fn options_go_before_the_saved_login() {
        assert_eq!(
            address(&global(Some(" http://a "), None, None), Some(&saved())).unwrap(),
            "http://a"
        );
        assert_eq!(
            address(&global(Some(""), None, None), Some(&saved())).unwrap(),
            "http://saved:1/"
        );
        assert_eq!(address(&Global::default(), None), None);
    }

    #[test]
    fn a_token_goes_only_to_its_own_server() {
        let (nothing, file, both) = (
            Global::default(),
            global(None, None, Some("/t")),
            global(None, Some("given"), Some("/t")),
        );
        let saved = saved();
        assert_eq!(
            token_source(&both, "http://x", None, None),
            TokenSource::Given("given".into())
        );
        assert_eq!(
            token_source(&file, "http://x", Some("http://x/"), Some(&saved)),
            TokenSource::File(Path::new("/t"))
        );
        assert_eq!(
            token_source(&file, "http://other", Some("http://x"), None),
            TokenSource::None
        );
        assert_eq!(
            token_source(&nothing, "http://SAVED:1", None, Some(&saved)),
            TokenSource::Given("kept".into())
        );
        assert_eq!(
            token_source(&nothing, "http://evil", None, Some(&saved)),
            TokenSource::None
        );
    }
}

//! `login`.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use prt_types::access::LoginRequest;

use crate::{
    args::Global,
    error::{CliError, Result},
    output::Out,
    params::credentials,
    session::{SavedLogin, client},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Login name; asked for on a terminal
    #[arg(long, short, value_name = "NAME")]
    username: Option<String>,
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
}

pub async fn run(args: Args, global: &Global) -> Result<()> {
    let out = Out::new(global.output, global.color);
    let saved_url = || SavedLogin::load().ok().flatten().map(|saved| saved.url);
    let Some(url) = global
        .url
        .clone()
        .filter(|url| !url.trim().is_empty())
        .or_else(saved_url)
    else {
        return Err(CliError::usage_hint(
            "no server is given",
            "e.g. `prtcli login --url http://localhost:8080 --username NAME`",
        ));
    };
    let client = client(&url, None)?;
    let username = match args.username {
        Some(username) => username,
        None => ask_username()?,
    };
    let password = if args.password_stdin {
        credentials::password_from_stdin()?
    } else if io::stdin().is_terminal() {
        credentials::password("Password: ")?
    } else {
        return Err(CliError::usage_hint(
            "there is no terminal to ask for the password on",
            "use --password-stdin",
        ));
    };
    let created = client
        .login(&LoginRequest {
            username: username.clone(),
            password,
        })
        .await?;
    let login = SavedLogin {
        url: client.base_url().to_string(),
        username,
        token: created.value,
        token_id: Some(created.token.id),
    };
    let path = login.save()?;
    for name in ["PRT_TOKEN", "PRT_TOKEN_FILE"] {
        if std::env::var_os(name).is_some_and(|value| !value.is_empty()) {
            Out::note(&format!("note: {name} is set and goes before this login"));
        }
    }
    out.show(&created.token, |_| {
        format!(
            "logged in to {} as {} (saved in {})",
            login.url,
            login.username,
            path.display()
        )
    })
}

fn ask_username() -> Result<String> {
    if !io::stdin().is_terminal() {
        return Err(CliError::usage("--username is missing"));
    }
    let error = |source| CliError::Io {
        what: "cannot ask for the name".into(),
        source,
    };
    let mut stderr = io::stderr().lock();
    stderr
        .write_all(b"Username: ")
        .and_then(|()| stderr.flush())
        .map_err(error)?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(error)?;
    Ok(line.trim().to_owned())
}

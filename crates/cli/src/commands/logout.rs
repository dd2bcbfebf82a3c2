//! `logout`.

use prt_types::ErrorCode;

use crate::{
    args::Global,
    error::{CliError, Result},
    output::Out,
    session::{SavedLogin, client},
};

pub async fn run(global: &Global) -> Result<()> {
    let out = Out::new(global.output, global.color);
    let saved = SavedLogin::load();
    // Forgotten first: whatever the server says, the token is gone from here.
    SavedLogin::remove()?;
    let Some(saved) = saved? else {
        return out.show(&serde_json::json!({"logged_out": null}), |_| "not logged in".into());
    };
    if let Some(id) = saved.token_id {
        match client(&saved.url, Some(saved.token))?.token_delete(id).await {
            Ok(()) => {}
            // It is not valid any more, which is what was wanted.
            Err(error) if matches!(error.code(), Some(ErrorCode::Unauthenticated | ErrorCode::NotFound)) => {}
            Err(error) => {
                let text = CliError::from(error).text();
                Out::note(&format!(
                    "warning: the token is forgotten here, but not revoked at {}: {text}",
                    saved.url
                ));
            }
        }
    }
    out.show(&serde_json::json!({"logged_out": saved.url}), |_| {
        format!("logged out of {}", saved.url)
    })
}

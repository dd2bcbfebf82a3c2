use leptos::prelude::*;
use prt_types::named_secrets::NamedSecretView;
use serde::{Deserialize, Serialize};

use super::form::SecretForm;
use crate::{
    error::AppError,
    pages::infrastructure::container_images::{Person, Team},
};

/// The viewer's own, and the shared ones that they may use or manage.
#[server(prefix = "/_fn", endpoint = "secrets")]
pub async fn secrets() -> Result<Vec<NamedSecretView>, AppError> {
    use crate::server::{extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    orchestrator
        .secret_list(&cx)
        .await
        .map_err(|error| app_error(error, &cx))
}

/// Everything that the editor needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Editor {
    /// The secret; none for a new one.
    pub secret: Option<NamedSecretView>,
    /// Whether the viewer may keep shared ones.
    pub admin: bool,
    /// Whom access can be given to; empty unless the viewer is an admin.
    pub people: Vec<Person>,
    pub teams: Vec<Team>,
}

/// The secret `id`, or what it takes to keep a new one if `id` is empty.
#[server(prefix = "/_fn", endpoint = "secret_editor")]
pub async fn secret_editor(#[server(default)] id: String) -> Result<Editor, AppError> {
    use crate::{
        pages::infrastructure::container_images::candidates,
        server::{extract, problem::app_error},
    };

    let (orchestrator, cx) = extract::context().await?;
    let wrong = |error| app_error(error, &cx);
    let admin = cx.actor().map_err(wrong)?.is_admin();
    let secret = if id.is_empty() {
        None
    } else {
        let id = id
            .parse()
            .map_err(|_| wrong(prt_core::Error::not_found("secret", &id)))?;
        Some(orchestrator.secret_get(&cx, id).await.map_err(wrong)?)
    };
    let (people, teams) = if admin {
        candidates(&orchestrator, &cx).await.map_err(wrong)?
    } else {
        Default::default()
    };
    Ok(Editor {
        secret,
        admin,
        people,
        teams,
    })
}

/// Keeps a secret (empty `id`) or changes one, and leads to the list.
#[server(prefix = "/_fn", endpoint = "save_secret")]
pub async fn save_secret(#[server(default)] id: String, #[server(default)] input: SecretForm) -> Result<(), AppError> {
    use super::LIST;
    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let wrong = |error| app_error(error, &cx);
    let result = match id.parse() {
        Ok(id) => orchestrator.secret_update(&cx, id, input.input()).await.map_err(wrong),
        Err(_) if id.is_empty() => orchestrator.secret_create(&cx, input.input()).await.map_err(wrong),
        Err(_) => Err(wrong(prt_core::Error::not_found("secret", &id))),
    };
    let (page, done) = if id.is_empty() {
        ("new", "secret-added")
    } else {
        (id.as_str(), "secret-saved")
    };
    let page = format!("{LIST}/{page}");
    let kept = input.without_secrets();
    draft::finish(&draft_key(&id), &page, &kept, result.map(drop), |()| {
        format!("{LIST}?done={done}")
    })
    .await
}

/// Removes a secret and leads to the list.
#[server(prefix = "/_fn", endpoint = "delete_secret")]
pub async fn delete_secret(#[server(default)] id: String) -> Result<(), AppError> {
    use super::LIST;
    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let wrong = |error| app_error(error, &cx);
    let result = match id.parse() {
        Ok(id) => orchestrator.secret_delete(&cx, id).await.map_err(wrong),
        Err(_) => Err(wrong(prt_core::Error::not_found("secret", &id))),
    };
    let page = format!("{LIST}/{id}?confirm=delete");
    draft::finish(&delete_draft_key(&id), &page, &(), result, |()| {
        format!("{LIST}?done=secret-deleted")
    })
    .await
}

/// The draft's key: one form a secret.
pub fn draft_key(id: &str) -> String {
    format!("secret:{id}")
}

/// The same for the question before a deletion.
pub fn delete_draft_key(id: &str) -> String {
    format!("secret-delete:{id}")
}

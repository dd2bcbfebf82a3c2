use leptos::prelude::*;
use prt_types::registry_credentials::RegistryCredentialView;
use serde::{Deserialize, Serialize};

use super::form::RegistryCredentialForm;
use crate::error::AppError;

/// Those that the viewer may use or manage.
#[server(prefix = "/_fn", endpoint = "registry_credentials")]
pub async fn registry_credentials() -> Result<Vec<RegistryCredentialView>, AppError> {
    use crate::server::{extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    orchestrator
        .registry_credential_list(&cx)
        .await
        .map_err(|error| app_error(error, &cx))
}

/// Those that the viewer may use by name, for pickers.
#[server(prefix = "/_fn", endpoint = "usable_registry_credentials")]
pub async fn usable_credentials() -> Result<Vec<RegistryCredentialView>, AppError> {
    let mut credentials = registry_credentials().await?;
    credentials.retain(|credential| credential.usable);
    Ok(credentials)
}

/// Everything that the editor needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Editor {
    /// The credential; none for a new one.
    pub credential: Option<RegistryCredentialView>,
    /// The viewer's login name.
    pub me: String,
    /// Whom else it can be kept for; empty unless the viewer is an admin.
    pub users: Vec<String>,
    /// Groups other than Everyone; likewise.
    pub groups: Vec<String>,
    /// Whether the viewer may keep it for others.
    pub admin: bool,
}

/// The credential `id`, or what it takes to keep a new one if `id` is empty.
#[server(prefix = "/_fn", endpoint = "registry_credential_editor")]
pub async fn registry_credential_editor(#[server(default)] id: String) -> Result<Editor, AppError> {
    use crate::server::{extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let wrong = |error| app_error(error, &cx);
    let actor = cx.actor().map_err(wrong)?.clone();
    let credential = if id.is_empty() {
        None
    } else {
        let id = id
            .parse()
            .map_err(|_| wrong(prt_core::Error::not_found("registry credential", &id)))?;
        Some(orchestrator.registry_credential_get(&cx, id).await.map_err(wrong)?)
    };
    let (mut users, mut groups) = (Vec::new(), Vec::new());
    if actor.is_admin() {
        let people = orchestrator.user_list(&cx).await.map_err(wrong)?;
        users.extend(people.into_iter().map(|user| user.username));
        let teams = orchestrator.group_list(&cx).await.map_err(wrong)?;
        groups.extend(
            teams
                .into_iter()
                .filter(|group| !group.everyone)
                .map(|group| group.name),
        );
    }
    Ok(Editor {
        credential,
        users,
        groups,
        admin: actor.is_admin(),
        me: actor.username,
    })
}

/// Keeps a credential (empty `id`) or changes one, and leads to it.
#[server(prefix = "/_fn", endpoint = "save_registry_credential")]
pub async fn save_registry_credential(
    #[server(default)] id: String,
    #[server(default)] input: RegistryCredentialForm,
) -> Result<(), AppError> {
    use super::LIST;
    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let wrong = |error| app_error(error, &cx);
    let result = match (input.input(), id.parse()) {
        (Err(error), _) => Err(error),
        (Ok(input), Ok(id)) => orchestrator
            .registry_credential_update(&cx, id, input)
            .await
            .map_err(wrong),
        (Ok(input), Err(_)) if id.is_empty() => {
            orchestrator.registry_credential_create(&cx, input).await.map_err(wrong)
        }
        (Ok(_), Err(_)) => Err(wrong(prt_core::Error::not_found("registry credential", &id))),
    };
    let (page, done) = if id.is_empty() {
        ("new", "credential-added")
    } else {
        (id.as_str(), "credential-saved")
    };
    let page = format!("{LIST}/{page}");
    let kept = input.without_secrets();
    draft::finish(&draft_key(&id), &page, &kept, result, |saved| {
        // A new one can be tested on its page; a page that is open already would go on with what it had read.
        if id.is_empty() {
            format!("{LIST}/{}?done={done}", saved.id)
        } else {
            format!("{LIST}?done={done}")
        }
    })
    .await
    .map(drop)
}

/// Removes a credential and leads to the list.
#[server(prefix = "/_fn", endpoint = "delete_registry_credential")]
pub async fn delete_registry_credential(#[server(default)] id: String) -> Result<(), AppError> {
    use super::LIST;
    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let wrong = |error| app_error(error, &cx);
    let result = match id.parse() {
        Ok(id) => orchestrator.registry_credential_delete(&cx, id).await.map_err(wrong),
        Err(_) => Err(wrong(prt_core::Error::not_found("registry credential", &id))),
    };
    let page = format!("{LIST}/{id}?confirm=delete");
    draft::finish(&delete_draft_key(&id), &page, &(), result, |()| {
        format!("{LIST}?done=credential-deleted")
    })
    .await
}

/// Asks the registry whether the login works; that it does not is the form's refusal.
#[server(prefix = "/_fn", endpoint = "test_registry_credential")]
pub async fn test_registry_credential(#[server(default)] id: String) -> Result<(), AppError> {
    use prt_types::ErrorCode;

    use super::LIST;
    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let wrong = |error| app_error(error, &cx);
    let tested = match id.parse() {
        Ok(id) => orchestrator.registry_credential_test(&cx, id).await.map_err(wrong),
        Err(_) => Err(wrong(prt_core::Error::not_found("registry credential", &id))),
    };
    let result = match tested {
        Ok(test) if test.ok => Ok(()),
        Ok(test) => Err(AppError::new(ErrorCode::InvalidInput, test.message)),
        Err(error) => Err(error),
    };
    let page = format!("{LIST}/{id}");
    draft::finish(&test_draft_key(&id), &page, &(), result, |()| {
        format!("{page}?done=credential-works")
    })
    .await
}

/// The draft's key: one form a credential.
pub fn draft_key(id: &str) -> String {
    format!("registry-credential:{id}")
}

/// The same for the question before a deletion.
pub fn delete_draft_key(id: &str) -> String {
    format!("registry-credential-delete:{id}")
}

/// The same for the test.
pub fn test_draft_key(id: &str) -> String {
    format!("registry-credential-test:{id}")
}

use leptos::prelude::*;
use prt_types::container_images::{ContainerImageView, MatchKind};
use serde::{Deserialize, Serialize};

use super::form::ContainerImageForm;
use crate::error::AppError;

/// Everything that the list shows.
#[server(prefix = "/_fn", endpoint = "container_images")]
pub async fn container_images() -> Result<Vec<ContainerImageView>, AppError> {
    use crate::server::{extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    orchestrator
        .container_image_list(&cx)
        .await
        .map_err(|error| app_error(error, &cx))
}

/// A user who can be given access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub username: String,
    pub groups: Vec<String>,
}

/// A group that can be given access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Team {
    pub name: String,
    pub everyone: bool,
    pub members: usize,
}

/// Whom access can be given to. For admins only, as all that [`AccessLists`](super::AccessLists) is in.
#[cfg(feature = "ssr")]
pub async fn candidates(
    orchestrator: &prt_core::Orchestrator,
    cx: &prt_core::OpContext,
) -> prt_core::Result<(Vec<Person>, Vec<Team>)> {
    let people = orchestrator.user_list(cx).await?.into_iter().map(|user| Person {
        username: user.username,
        groups: user.groups,
    });
    let teams = orchestrator.group_list(cx).await?.into_iter().map(|group| Team {
        name: group.name,
        everyone: group.everyone,
        members: group.members.len(),
    });
    Ok((people.collect(), teams.collect()))
}

/// Everything that the editor needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Editor {
    /// The rule; none for a new one.
    pub rule: Option<ContainerImageView>,
    pub people: Vec<Person>,
    pub teams: Vec<Team>,
    pub platform_version: String,
    pub default_registry: String,
    /// What the rule as it is saved does with the image of `?try=…`; none for a new one.
    pub preview: Option<Preview>,
}

/// The rule `id`, or what it takes to make a new one if `id` is empty. `tried` is an image to try the rule on, or empty.
#[server(prefix = "/_fn", endpoint = "container_image_editor")]
pub async fn container_image_editor(id: String, tried: String) -> Result<Editor, AppError> {
    use crate::server::{extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let wrong = |error| app_error(error, &cx);
    // Asked first, so that who may not edit rules is told so and not that they cannot list users.
    let asked = orchestrator.admin(&cx, "change Container Images", "container_image.get");
    asked.await.map_err(wrong)?;
    let rule = if id.is_empty() {
        None
    } else {
        let id = id
            .parse()
            .map_err(|_| app_error(prt_core::Error::not_found("container image", &id), &cx))?;
        Some(orchestrator.container_image_get(&cx, id).await.map_err(wrong)?)
    };
    let (people, teams) = candidates(&orchestrator, &cx).await.map_err(wrong)?;
    let preview = match &rule {
        Some(rule) => Some(container_image_preview(rule.image.clone(), tried).await?),
        None => None,
    };
    let info = orchestrator.info();
    Ok(Editor {
        preview,
        rule,
        people,
        teams,
        platform_version: info.platform_version,
        default_registry: info.default_registry,
    })
}

/// Adds a rule (empty `id`) or changes one, and leads to the list.
#[server(prefix = "/_fn", endpoint = "save_container_image")]
pub async fn save_container_image(
    #[server(default)] id: String,
    #[server(default)] input: ContainerImageForm,
) -> Result<(), AppError> {
    use super::LIST;
    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let wrong = |error| app_error(error, &cx);
    let result = match (input.input(), id.parse()) {
        (Err(error), _) => Err(error),
        (Ok(rule), Ok(id)) => orchestrator.container_image_update(&cx, id, rule).await.map_err(wrong),
        (Ok(rule), Err(_)) if id.is_empty() => orchestrator.container_image_create(&cx, rule).await.map_err(wrong),
        (Ok(_), Err(_)) => Err(wrong(prt_core::Error::not_found("container image", &id))),
    };
    let (page, done) = if id.is_empty() {
        ("new", "image-added")
    } else {
        (id.as_str(), "image-saved")
    };
    let page = format!("{LIST}/{page}");
    draft::finish(
        &draft_key(&id),
        &page,
        &input.without_secrets(),
        result.map(|_| ()),
        |()| format!("{LIST}?done={done}"),
    )
    .await
}

/// Removes a rule and leads to the list.
#[server(prefix = "/_fn", endpoint = "delete_container_image")]
pub async fn delete_container_image(id: String) -> Result<(), AppError> {
    use super::LIST;
    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let wrong = |error| app_error(error, &cx);
    let result = match id.parse() {
        Ok(id) => orchestrator.container_image_delete(&cx, id).await.map_err(wrong),
        Err(_) => Err(wrong(prt_core::Error::not_found("container image", &id))),
    };
    let page = format!("{LIST}/{id}?confirm=delete");
    draft::finish(&delete_draft_key(&id), &page, &(), result, |()| {
        format!("{LIST}?done=image-deleted")
    })
    .await
}

/// Whether a rule opens an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// How the rule is read, or what is wrong with it.
    pub rule: Result<MatchKind, String>,
    /// The tried image in full and whether the rule matches it, or what is wrong with its name; none if none was tried.
    pub tried: Option<Result<(String, bool), String>>,
}

/// What the rule `image` would do with the image `tried`, saved or not.
#[server(prefix = "/_fn", endpoint = "container_image_preview")]
pub async fn container_image_preview(image: String, tried: String) -> Result<Preview, AppError> {
    use prt_core::{
        authz::images::{Matcher, kind},
        images::ImageRef,
    };

    use crate::server::{extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    orchestrator
        .admin(&cx, "change Container Images", "container_image.preview")
        .await
        .map_err(|error| app_error(error, &cx))?;
    let info = orchestrator.info();
    let matcher = Matcher::parse(&image, &info.default_registry);
    let tried = (!tried.trim().is_empty()).then(|| {
        ImageRef::resolve(&tried, &info.default_registry, &info.platform_version)
            .map(|reference| {
                (
                    reference.to_string(),
                    matcher.as_ref().is_ok_and(|matcher| matcher.matches(&reference)),
                )
            })
            .map_err(|error| error.to_string())
    });
    Ok(Preview {
        rule: matcher.map(|_| kind(&image)),
        tried,
    })
}

/// The draft's key: one form a rule.
pub fn draft_key(id: &str) -> String {
    format!("container-image:{id}")
}

/// The same for the question before a deletion.
pub fn delete_draft_key(id: &str) -> String {
    format!("container-image-delete:{id}")
}

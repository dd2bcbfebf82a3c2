use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};
use prt_types::{ApiError, container_images::ContainerImageView, registry_credentials::RegistryCredentialView};

use super::{
    LIST,
    access::AccessCard,
    fields::{ImageCard, RunCard},
    form::ContainerImageForm,
    kind::KindBadge,
    server_fns::{
        DeleteContainerImage, Editor, SaveContainerImage, container_image_editor, delete_draft_key, draft_key,
    },
    try_it::TryIt,
};
use crate::{
    components::{
        Button, ButtonKind, ButtonLink, Card, ConfirmLink, Crumb, DeleteDialog, Form, Load, Overwrite, PageTitle,
        RelativeTime,
    },
    forms::{Draft, form_state},
    pages::infrastructure::registries::usable_credentials,
};

/// The form for a new rule.
#[component]
pub fn ContainerImageNewPage() -> impl IntoView {
    view! { <EditorPage id=Signal::stored(String::new()) /> }
}

/// The form for a rule that exists.
#[component]
pub fn ContainerImagePage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id")).unwrap_or_default());
    view! { <EditorPage id=id /> }
}

#[component]
fn EditorPage(#[prop(into)] id: Signal<String>) -> impl IntoView {
    let query = use_query_map();
    let tried = move || query.with_untracked(|query| query.get("try")).unwrap_or_default();
    let draft = form_state::<ContainerImageForm>(draft_key(&id.get_untracked()));
    let delete_draft = form_state::<()>(delete_draft_key(&id.get_untracked()));
    let editor = Resource::new_blocking(move || id.get(), move |id| container_image_editor(id, tried()));
    let secrets = Resource::new_blocking(|| (), |()| usable_credentials());
    view! {
        <Load from=editor let:editor>
            <Suspense>
                {move || {
                    let editor = editor.clone();
                    Suspend::new(async move {
                        let delete_error = delete_draft.await.map(|draft| draft.error);
                        let secrets = secrets.await.unwrap_or_default();
                        view! { <EditorView editor secrets draft=draft.await delete_error /> }
                    })
                }}
            </Suspense>
        </Load>
    }
}

#[component]
fn EditorView(
    editor: Editor,
    secrets: Vec<RegistryCredentialView>,
    draft: Option<Draft<ContainerImageForm>>,
    delete_error: Option<ApiError>,
) -> impl IntoView {
    let rule = editor.rule.clone();
    let (values, error) = match draft {
        Some(draft) => (draft.values, Some(draft.error)),
        None => (rule.clone().map(ContainerImageForm::from).unwrap_or_default(), None),
    };
    let image = RwSignal::new(values.image.clone());
    let is_draft = rule.as_ref().map_or_else(String::new, |rule| rule.image.clone()) != values.image;
    let saved = editor.preview.clone();
    view! {
        <Heading rule=rule.clone() />
        <div class="columns">
            <EditorForm editor=editor secrets=secrets values=values error=error image=image />
            <aside class="stack">
                <TryIt image saved draft=is_draft />
                {rule.clone().map(|rule| view! { <About rule=rule /> })}
            </aside>
        </div>
        {rule.map(|rule| view! { <DeleteRuleDialog rule=rule error=delete_error /> })}
    }
}

#[component]
fn Heading(rule: Option<ContainerImageView>) -> impl IntoView {
    let crumbs = vec![Crumb::text("Infrastructure"), Crumb::link("Container Images", LIST)];
    match rule {
        None => view! { <PageTitle title="Add a Container Image" crumbs=crumbs /> }.into_any(),
        Some(rule) => {
            let title = if rule.name.is_empty() { rule.image } else { rule.name };
            let delete = || view! { <ConfirmLink name="delete">"Delete"</ConfirmLink> };
            view! {
                <PageTitle title=title crumbs=crumbs actions=delete>
                    <KindBadge kind=rule.match_kind />
                </PageTitle>
            }
            .into_any()
        }
    }
}

#[component]
fn EditorForm(
    editor: Editor,
    secrets: Vec<RegistryCredentialView>,
    values: ContainerImageForm,
    error: Option<ApiError>,
    image: RwSignal<String>,
) -> impl IntoView {
    let save = ServerAction::<SaveContainerImage>::new();
    let id = editor.rule.as_ref().map(|rule| rule.id.to_string()).unwrap_or_default();
    let has_password = editor.rule.as_ref().is_some_and(|rule| rule.has_repo_password);
    let verb = if editor.rule.is_some() { "Save" } else { "Add" };
    view! {
        <Form action=save error=error>
            <input type="hidden" name="id" value=id.clone() />
            <input type="hidden" name="input[revision]" value=values.revision.clone() />
            <Overwrite href=format!("{LIST}/{id}") />
            <ImageCard values=values.clone() editor=editor.clone() image=image />
            <AccessCard editor=editor users=values.users.clone() groups=values.groups.clone() />
            <RunCard values=values has_password=has_password secrets=secrets />
            <div class="form-actions">
                <Button kind=ButtonKind::Primary busy=save.pending()>
                    {verb}
                </Button>
                <ButtonLink href=LIST>"Cancel"</ButtonLink>
            </div>
        </Form>
    }
}

#[component]
fn About(rule: ContainerImageView) -> impl IntoView {
    view! {
        <Card title="About" padded=true>
            <p>"Last changed " <RelativeTime ms=rule.updated_ms /> " (revision " {rule.revision} ")."</p>
            <p class="muted">
                "Changes hold from the next check on: at the next start of a worker or build. Workers that run are left alone."
            </p>
        </Card>
    }
}

#[component]
fn DeleteRuleDialog(rule: ContainerImageView, error: Option<ApiError>) -> impl IntoView {
    let action = ServerAction::<DeleteContainerImage>::new();
    let (users, groups) = (rule.users.len(), rule.groups.len());
    let losers: Vec<String> = [(users, "user"), (groups, "group")]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| count(number, what))
        .collect();
    let verb = if users + groups == 1 { "loses" } else { "lose" };
    let access = if losers.is_empty() {
        "Nobody has access by it.".to_owned()
    } else {
        format!("{} {verb} the access that it gives.", losers.join(" and "))
    };
    let words = format!("{access} Workers that run are left alone; new ones on these images are refused.");
    view! {
        <DeleteDialog
            action
            title="Delete this Container Image?"
            what=rule.image
            words
            key=("id", rule.id.to_string())
            error
        />
    }
}

/// `1 user`, `2 users`
fn count(number: usize, what: &str) -> String {
    if number == 1 {
        format!("1 {what}")
    } else {
        format!("{number} {what}s")
    }
}

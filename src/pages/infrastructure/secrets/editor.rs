use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use prt_types::{
    ApiError,
    named_secrets::{NamedSecretView, SecretKind},
};

use super::{
    LIST, audience,
    form::SecretForm,
    kind_name,
    server_fns::{DeleteSecret, Editor, SaveSecret, delete_draft_key, draft_key, secret_editor},
};
use crate::{
    components::{
        Button, ButtonKind, ButtonLink, Card, Choice, ConfirmLink, Crumb, DeleteDialog, Form, Load, MetaItem, MetaList,
        Overwrite, PageTitle, PasswordField, RelativeTime, SelectField, TextField,
    },
    forms::{Draft, form_state},
    pages::infrastructure::container_images::AccessLists,
};

/// The form for a new secret.
#[component]
pub fn SecretNewPage() -> impl IntoView {
    view! { <EditorPage id=Signal::stored(String::new()) /> }
}

/// A secret that exists: the form for those who may change it, the facts for those who may use it.
#[component]
pub fn SecretPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id")).unwrap_or_default());
    view! { <EditorPage id=id /> }
}

#[component]
fn EditorPage(#[prop(into)] id: Signal<String>) -> impl IntoView {
    let draft = form_state::<SecretForm>(draft_key(&id.get_untracked()));
    let delete_draft = form_state::<()>(delete_draft_key(&id.get_untracked()));
    let editor = Resource::new_blocking(move || id.get(), secret_editor);
    view! {
        <Load from=editor let:editor>
            <Suspense>
                {move || {
                    let editor = editor.clone();
                    Suspend::new(async move {
                        let delete_error = delete_draft.await.map(|draft| draft.error);
                        view! { <EditorView editor draft=draft.await delete_error /> }
                    })
                }}
            </Suspense>
        </Load>
    }
}

#[component]
fn EditorView(editor: Editor, draft: Option<Draft<SecretForm>>, delete_error: Option<ApiError>) -> impl IntoView {
    let secret = editor.secret.clone();
    let editable = secret.as_ref().is_none_or(|secret| secret.editable);
    view! {
        <Heading secret=secret.clone() />
        <div class="columns">
            {if editable {
                view! { <EditorForm editor draft /> }.into_any()
            } else {
                secret.clone().map(|secret| view! { <Facts secret /> }).into_any()
            }} {secret.clone().map(|secret| view! { <aside class="stack"><About secret /></aside> })}
        </div>
        {secret
            .filter(|secret| secret.editable)
            .map(|secret| view! { <DeleteSecretDialog secret error=delete_error /> })}
    }
}

#[component]
fn Heading(secret: Option<NamedSecretView>) -> impl IntoView {
    let crumbs = vec![Crumb::text("Infrastructure"), Crumb::link("Secrets", LIST)];
    match secret {
        None => view! { <PageTitle title="Add a secret" crumbs=crumbs /> }.into_any(),
        Some(secret) => {
            let editable = secret.editable;
            let delete = move || editable.then(|| view! { <ConfirmLink name="delete">"Delete"</ConfirmLink> });
            view! {
                <PageTitle title=secret.name crumbs=crumbs actions=delete>
                    <span class="badge">{kind_name(secret.kind)}</span>
                </PageTitle>
            }
            .into_any()
        }
    }
}

#[component]
fn EditorForm(editor: Editor, draft: Option<Draft<SecretForm>>) -> impl IntoView {
    let save = ServerAction::<SaveSecret>::new();
    let (values, error) = match draft {
        Some(draft) => (draft.values, Some(draft.error)),
        None => (editor.secret.clone().map(SecretForm::from).unwrap_or_default(), None),
    };
    let id = editor.secret.as_ref().map(|one| one.id.to_string()).unwrap_or_default();
    let exists = editor.secret.is_some();
    let shared = editor.secret.as_ref().is_some_and(|one| one.kind == SecretKind::Shared);
    // Both stay as they are for good.
    let (chooses, gives_access) = (editor.admin && !exists, editor.admin && (!exists || shared));
    let value_hint = move || {
        if exists {
            "Empty keeps the stored one. Running workers keep what they were started with."
        } else {
            "Stored encrypted; never shown. One line here; prtcli secret set takes several."
        }
    };
    view! {
        <Form action=save error=error>
            <input type="hidden" name="id" value=id.clone() />
            <input type="hidden" name="input[revision]" value=values.revision />
            <Overwrite href=format!("{LIST}/{id}") />
            <Card title="Secret">
                {if exists {
                    view! { <input type="hidden" name="input[name]" value=values.name /> }.into_any()
                } else {
                    view! {
                        <TextField
                            path="name"
                            label="Name"
                            required=true
                            mono=true
                            value=values.name
                            placeholder="HF_TOKEN"
                            hint=|| "The environment variable that workers get. It cannot be changed later."
                        />
                    }
                        .into_any()
                }}
                <PasswordField
                    path="value"
                    label=if exists { "New value" } else { "Value" }
                    required=!exists
                    hint=value_hint
                    placeholder=exists.then_some("••••••••")
                />
                {if chooses {
                    view! {
                        <SelectField
                            path="kind"
                            label="Kind"
                            choices=vec![
                                Choice::new("personal", "Personal: for you alone"),
                                Choice::new("shared", "Shared: for those with access"),
                            ]
                            value=values.kind
                            hint=|| "It cannot be changed later. Nobody but you sees a personal one, not even other admins."
                        />
                    }
                        .into_any()
                } else {
                    view! { <input type="hidden" name="input[kind]" value=values.kind /> }.into_any()
                }}
            </Card>
            {gives_access
                .then(|| {
                    view! {
                        <div class="of-shared">
                            <Card title="Access" subtitle="whose workers may have it">
                                <AccessLists people=editor.people teams=editor.teams users=values.users groups=values.groups />
                            </Card>
                        </div>
                    }
                })}
            <div class="form-actions">
                <Button kind=ButtonKind::Primary busy=save.pending()>
                    {if exists { "Save" } else { "Add" }}
                </Button>
                <ButtonLink href=LIST>"Cancel"</ButtonLink>
            </div>
        </Form>
    }
}

/// What those see who may use it only.
#[component]
fn Facts(secret: NamedSecretView) -> impl IntoView {
    let audience = audience(&secret);
    view! {
        <Card title="Secret" padded=true>
            <MetaList>
                <MetaItem label="Kind">{kind_name(secret.kind)}</MetaItem>
                <MetaItem label="For">{audience}</MetaItem>
            </MetaList>
            <p class="muted">"Your workers may have it by its name. Admins change it."</p>
        </Card>
    }
}

#[component]
fn About(secret: NamedSecretView) -> impl IntoView {
    let workers = secret.editable.then(|| {
        if secret.workers.is_empty() {
            view! { <p>"No running worker has it."</p> }.into_any()
        } else {
            view! { <p>"Workers that have it: " {secret.workers.join(", ")} "."</p> }.into_any()
        }
    });
    view! {
        <Card title="About" padded=true>
            {workers}
            <p>
                {match secret.last_used_ms {
                    Some(ms) => view! { "Last given to a worker " <RelativeTime ms=ms /> "." }.into_any(),
                    None => "Not used yet.".into_any(),
                }}
            </p>
            <p>"Last changed " <RelativeTime ms=secret.updated_ms /> " (revision " {secret.revision} ")."</p>
        </Card>
    }
}

#[component]
fn DeleteSecretDialog(secret: NamedSecretView, error: Option<ApiError>) -> impl IntoView {
    let action = ServerAction::<DeleteSecret>::new();
    let words = match secret.workers.as_slice() {
        [] => "The stored value is gone; new workers that name it are refused.".to_owned(),
        workers => format!(
            "The stored value is gone; new workers that name it are refused. These workers have it and keep it until they end: {}.",
            workers.join(", ")
        ),
    };
    view! {
        <DeleteDialog
            action
            title="Delete this secret?"
            what=secret.name
            words
            key=("id", secret.id.to_string())
            error
        />
    }
}

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use prt_types::{ApiError, registry_credentials::RegistryCredentialView};

use super::{
    LIST, audience,
    form::{RegistryCredentialForm, end_text},
    server_fns::{
        DeleteRegistryCredential, Editor, SaveRegistryCredential, TestRegistryCredential, delete_draft_key, draft_key,
        registry_credential_editor, test_draft_key,
    },
};
use crate::{
    components::{
        Button, ButtonKind, ButtonLink, Card, Choice, ConfirmLink, Crumb, DeleteDialog, Form, Load, MetaItem, MetaList,
        Overwrite, PageTitle, PasswordField, RelativeTime, SelectField, TextField,
    },
    forms::{Draft, form_state},
};

/// The form for a new credential.
#[component]
pub fn RegistryCredentialNewPage() -> impl IntoView {
    view! { <EditorPage id=Signal::stored(String::new()) /> }
}

/// A credential that exists: the form for those who may change it, the facts for those who may use it.
#[component]
pub fn RegistryCredentialPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id")).unwrap_or_default());
    view! { <EditorPage id=id /> }
}

/// What refused plain POSTs of this page's forms left behind.
#[derive(Clone, Default)]
struct Refusals {
    save: Option<Draft<RegistryCredentialForm>>,
    delete: Option<ApiError>,
    test: Option<ApiError>,
}

#[component]
fn EditorPage(#[prop(into)] id: Signal<String>) -> impl IntoView {
    let save = form_state::<RegistryCredentialForm>(draft_key(&id.get_untracked()));
    let delete = form_state::<()>(delete_draft_key(&id.get_untracked()));
    let test = form_state::<()>(test_draft_key(&id.get_untracked()));
    let editor = Resource::new_blocking(move || id.get(), registry_credential_editor);
    view! {
        <Load from=editor let:editor>
            <Suspense>
                {move || {
                    let editor = editor.clone();
                    Suspend::new(async move {
                        let refusals = Refusals {
                            save: save.await,
                            delete: delete.await.map(|draft| draft.error),
                            test: test.await.map(|draft| draft.error),
                        };
                        view! { <EditorView editor refusals /> }
                    })
                }}
            </Suspense>
        </Load>
    }
}

#[component]
fn EditorView(editor: Editor, refusals: Refusals) -> impl IntoView {
    let credential = editor.credential.clone();
    let editable = credential.as_ref().is_none_or(|credential| credential.editable);
    view! {
        <Heading credential=credential.clone() />
        <div class="columns">
            {if editable {
                view! { <EditorForm editor draft=refusals.save /> }.into_any()
            } else {
                credential.clone().map(|credential| view! { <Facts credential /> }).into_any()
            }}
            {credential
                .clone()
                .map(|credential| {
                    view! {
                        <aside class="stack">
                            <TestCard credential=credential.clone() error=refusals.test />
                            <About credential />
                        </aside>
                    }
                })}
        </div>
        {credential
            .filter(|credential| credential.editable)
            .map(|credential| view! { <DeleteCredentialDialog credential error=refusals.delete /> })}
    }
}

#[component]
fn Heading(credential: Option<RegistryCredentialView>) -> impl IntoView {
    let crumbs = vec![Crumb::text("Infrastructure"), Crumb::link("Registries", LIST)];
    match credential {
        None => view! { <PageTitle title="Add a registry credential" crumbs=crumbs /> }.into_any(),
        Some(credential) => {
            let editable = credential.editable;
            let delete = move || editable.then(|| view! { <ConfirmLink name="delete">"Delete"</ConfirmLink> });
            view! {
                <PageTitle title=credential.name crumbs=crumbs actions=delete>
                    {credential.expired.then(|| view! { <span class="badge badge-warn">"Expired"</span> })}
                </PageTitle>
            }
            .into_any()
        }
    }
}

#[component]
fn EditorForm(editor: Editor, draft: Option<Draft<RegistryCredentialForm>>) -> impl IntoView {
    let save = ServerAction::<SaveRegistryCredential>::new();
    let (mut values, error) = match draft {
        Some(draft) => (draft.values, Some(draft.error)),
        None => (
            editor
                .credential
                .clone()
                .map(RegistryCredentialForm::from)
                .unwrap_or_default(),
            None,
        ),
    };
    if values.owner.is_empty() {
        values.owner = format!("user:{}", editor.me);
    }
    let id = editor
        .credential
        .as_ref()
        .map(|credential| credential.id.to_string())
        .unwrap_or_default();
    let exists = editor.credential.is_some();
    let password_hint = move || {
        if exists {
            "Empty keeps the stored one. For another registry it must be given again."
        } else {
            "Stored encrypted; never shown."
        }
    };
    // Its field is made inside the form, which names the fields.
    let choices = editor.admin.then(|| owners(&editor));
    view! {
        <Form action=save error=error>
            <input type="hidden" name="id" value=id.clone() />
            <input type="hidden" name="input[revision]" value=values.revision />
            <input type="hidden" name="input[expires_stored]" value=values.expires_stored />
            <Overwrite href=format!("{LIST}/{id}") />
            <Card title="Login">
                <TextField
                    path="name"
                    label="Name"
                    required=true
                    mono=true
                    value=values.name
                    placeholder="corp-robot"
                    hint=|| "Workers and builds pick it by this name (repo_secret_name). Unique; lower case."
                />
                <TextField
                    path="host"
                    label="Registry"
                    required=true
                    mono=true
                    value=values.host
                    placeholder="my-registry.my-company.com"
                    hint=|| "Its host name, with the port if it has one. The login is sent there and nowhere else."
                />
                <TextField path="username" label="User name" required=true value=values.username />
                <PasswordField
                    path="password"
                    label="Password or token"
                    required=!exists
                    hint=password_hint
                    placeholder=exists.then_some("••••••••")
                />
                {choices
                    .map(|choices| {
                        view! {
                            <SelectField
                                path="owner"
                                label="For"
                                choices=choices
                                value=values.owner
                                hint=|| {
                                    "Who may use it by its name. A user also manages their own; all others are managed by admins."
                                }
                            />
                        }
                    })}
                <TextField
                    path="expires_ms"
                    label="Expires"
                    mono=true
                    value=values.expires_ms
                    placeholder="2027-01-31"
                    hint=|| "The last day, in UTC; after it the credential is refused. Empty: never."
                />
            </Card>
            <div class="form-actions">
                <Button kind=ButtonKind::Primary busy=save.pending()>
                    {if exists { "Save" } else { "Add" }}
                </Button>
                <ButtonLink href=LIST>"Cancel"</ButtonLink>
            </div>
        </Form>
    }
}

/// The viewer first, then Everyone, groups and the other users.
fn owners(editor: &Editor) -> Vec<Choice> {
    let mut choices = vec![
        Choice::new(format!("user:{}", editor.me), format!("{} (you)", editor.me)),
        Choice::new("everyone", "Everyone"),
    ];
    let groups = editor.groups.iter();
    choices.extend(groups.map(|group| Choice::new(format!("group:{group}"), format!("Group {group}"))));
    let others = editor.users.iter().filter(|user| **user != editor.me);
    choices.extend(others.map(|user| Choice::new(format!("user:{user}"), user.clone())));
    choices
}

/// What those see who may use it only.
#[component]
fn Facts(credential: RegistryCredentialView) -> impl IntoView {
    let audience = audience(&credential);
    view! {
        <Card title="Login" padded=true>
            <MetaList>
                <MetaItem label="Registry">
                    <span class="mono wrap">{credential.host}</span>
                </MetaItem>
                <MetaItem label="User name">{credential.username}</MetaItem>
                <MetaItem label="For">{audience}</MetaItem>
                <MetaItem label="Expires">
                    {credential.expires_ms.map_or_else(|| "Never".to_owned(), end_text)}
                </MetaItem>
            </MetaList>
            <p class="muted">"You may use it by its name. Admins change it."</p>
        </Card>
    }
}

#[component]
fn TestCard(credential: RegistryCredentialView, error: Option<ApiError>) -> impl IntoView {
    let test = ServerAction::<TestRegistryCredential>::new();
    view! {
        <Card title="Test" padded=true>
            <Form action=test prefix="" error=error>
                <input type="hidden" name="id" value=credential.id.to_string() />
                <p>"Asks " <code class="wrap">{credential.host}</code> " whether it lets this login in."</p>
                <div class="form-actions">
                    <Button busy=test.pending()>"Test"</Button>
                </div>
            </Form>
        </Card>
    }
}

#[component]
fn About(credential: RegistryCredentialView) -> impl IntoView {
    view! {
        <Card title="About" padded=true>
            <p>
                {match credential.last_used_ms {
                    Some(ms) => view! { "Last used " <RelativeTime ms=ms /> "." }.into_any(),
                    None => "Not used yet.".into_any(),
                }}
            </p>
            <p>"Last changed " <RelativeTime ms=credential.updated_ms /> " (revision " {credential.revision} ")."</p>
        </Card>
    }
}

#[component]
fn DeleteCredentialDialog(credential: RegistryCredentialView, error: Option<ApiError>) -> impl IntoView {
    let action = ServerAction::<DeleteRegistryCredential>::new();
    let words = "Workers and builds that have begun are left alone; new ones that name it are refused. The stored password is gone.";
    view! {
        <DeleteDialog
            action
            title="Delete this registry credential?"
            what=credential.name
            words=words.to_owned()
            key=("id", credential.id.to_string())
            error
        />
    }
}

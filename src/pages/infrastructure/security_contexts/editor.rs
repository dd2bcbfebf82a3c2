use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use prt_types::{
    ApiError,
    security_contexts::{SeccompProfile, SecurityContextView},
};

use super::{
    LIST,
    form::SecurityContextForm,
    server_fns::{DeleteSecurityContext, SaveSecurityContext, delete_draft_key, draft_key, security_context_editor},
    shown::{Produced, Uses},
};
use crate::{
    components::{
        Button, ButtonKind, ButtonLink, Card, CheckField, Choice, ConfirmLink, Crumb, DeleteDialog, Form, Load, Note,
        NoteTone, Overwrite, PageTitle, SelectField, TextField,
    },
    forms::{Draft, form_state},
};

/// The form for a new security context.
#[component]
pub fn SecurityContextNewPage() -> impl IntoView {
    view! { <EditorPage name=Signal::stored(String::new()) /> }
}

/// A security context, with its form if it is not built in.
#[component]
pub fn SecurityContextPage() -> impl IntoView {
    let params = use_params_map();
    let name = Memo::new(move |_| params.with(|params| params.get("name")).unwrap_or_default());
    view! { <EditorPage name=name /> }
}

#[component]
fn EditorPage(#[prop(into)] name: Signal<String>) -> impl IntoView {
    let draft = form_state::<SecurityContextForm>(draft_key(&name.get_untracked()));
    let delete_draft = form_state::<()>(delete_draft_key(&name.get_untracked()));
    let context = Resource::new_blocking(move || name.get(), security_context_editor);
    view! {
        <Load from=context let:context>
            <Suspense>
                {move || {
                    let context = context.clone();
                    Suspend::new(async move {
                        let delete_error = delete_draft.await.map(|draft| draft.error);
                        view! { <EditorView context draft=draft.await delete_error /> }
                    })
                }}
            </Suspense>
        </Load>
    }
}

#[component]
fn EditorView(
    context: Option<SecurityContextView>,
    draft: Option<Draft<SecurityContextForm>>,
    delete_error: Option<ApiError>,
) -> impl IntoView {
    let (values, error) = match (draft, &context) {
        (Some(draft), _) => (draft.values, Some(draft.error)),
        (None, Some(context)) => (SecurityContextForm::from(context.clone()), None),
        (None, None) => (SecurityContextForm::blank(), None),
    };
    let own = context.clone().filter(|context| !context.built_in);
    let main = match context.clone() {
        Some(context) if context.built_in => {
            let description = context.description.clone();
            view! {
                <div class="stack">
                    <Note tone=NoteTone::Info>{description} " Built in: it can neither be changed nor deleted."</Note>
                    <Produced context=context />
                </div>
            }
            .into_any()
        }
        context => {
            let is_new = context.is_none();
            view! {
                <div class="stack">
                    <EditorForm is_new values error />
                    {context.map(|context| view! { <Produced context /> })}
                </div>
            }
            .into_any()
        }
    };
    let uses = context.clone().map(|context| {
        let host = context.rights.privileged;
        view! { <Uses sizes=context.sizes host /> }
    });
    view! {
        <Heading context />
        <div class="columns">
            {main} <aside class="stack">
                {uses} <Card title="About" padded=true>
                    <p class="muted">
                        "A change holds for new workers. Those that run keep what they were started with."
                    </p>
                    <p class="muted">
                        "The builder stays the restricted one, whatever is written here, unless the security context is privileged."
                    </p>
                </Card>
            </aside>
        </div>
        {own.map(|context| view! { <DeleteContextDialog context error=delete_error /> })}
    }
}

#[component]
fn Heading(context: Option<SecurityContextView>) -> impl IntoView {
    let crumbs = vec![Crumb::text("Infrastructure"), Crumb::link("Security Contexts", LIST)];
    match context {
        None => view! { <PageTitle title="Add a Security Context" crumbs=crumbs /> }.into_any(),
        Some(context) if context.built_in => view! { <PageTitle title=context.name crumbs=crumbs /> }.into_any(),
        Some(context) => {
            let delete = || view! { <ConfirmLink name="delete">"Delete"</ConfirmLink> };
            view! { <PageTitle title=context.name crumbs=crumbs actions=delete /> }.into_any()
        }
    }
}

#[component]
fn EditorForm(is_new: bool, values: SecurityContextForm, error: Option<ApiError>) -> impl IntoView {
    let save = ServerAction::<SaveSecurityContext>::new();
    let name = if is_new { String::new() } else { values.name.clone() };
    let href = format!("{LIST}/{name}");
    // Made inside the form, from which it has its name.
    let name_field = {
        let value = values.name.clone();
        move || {
            if is_new {
                view! { <TextField path="name" label="Name" required=true value hint=|| "Cannot be changed later." /> }
                    .into_any()
            } else {
                view! { <input type="hidden" name="input[name]" value=value /> }.into_any()
            }
        }
    };
    let description = values.description.clone();
    let revision = values.revision.clone();
    view! {
        <Form action=save error=error>
            <input type="hidden" name="name" value=name />
            <input type="hidden" name="input[revision]" value=revision />
            <Overwrite href=href />
            <Card title="Security context">
                {name_field()} <TextField path="description" label="Description" value=description />
            </Card>
            <RightsCard values />
            <div class="form-actions">
                <Button kind=ButtonKind::Primary busy=save.pending()>
                    {if is_new { "Add" } else { "Save" }}
                </Button>
                <ButtonLink href=LIST>"Cancel"</ButtonLink>
            </div>
        </Form>
    }
}

#[component]
fn RightsCard(values: SecurityContextForm) -> impl IntoView {
    let profiles = [SeccompProfile::RuntimeDefault, SeccompProfile::Unconfined]
        .map(|profile| Choice::new(profile.name(), profile.name()))
        .to_vec();
    view! {
        <Card title="Rights of the primary container">
            <TextField
                path="run_as_user"
                label="Run as user"
                inputmode="numeric"
                value=values.run_as_user
                hint=|| "A user id; 1000 is the platform's. Empty: the image's user."
            />
            <CheckField path="run_as_non_root" label="Non-root only" checked=values.run_as_non_root />
            <CheckField
                path="read_only_root"
                label="Read-only root file system"
                checked=values.read_only_root
                hint=|| "Home, build folder and /tmp stay writable."
            />
            <TextField
                path="add_capabilities"
                label="Add capabilities"
                mono=true
                value=values.add_capabilities
                hint=|| "Names such as NET_BIND_SERVICE, with commas between."
            />
            <TextField
                path="drop_capabilities"
                label="Drop capabilities"
                mono=true
                value=values.drop_capabilities
                hint=|| "ALL drops every capability."
            />
            <SelectField path="seccomp" label="Seccomp" choices=profiles value=values.seccomp.name() />
            <CheckField
                path="allow_privilege_escalation"
                label="Allow privilege escalation"
                checked=values.allow_privilege_escalation
                hint=|| "sudo and other setuid programs work only with it."
            />
            <CheckField
                path="privileged"
                label="Privileged"
                checked=values.privileged
                hint=|| "All devices and capabilities: root on the host. The builder becomes the privileged one."
            />
            <CheckField
                path="confirm_privileged"
                label="Yes, give privileged rights"
                checked=values.confirm_privileged
                hint=|| "Only needed when a security context makes its users root on the host."
            />
        </Card>
    }
}

#[component]
fn DeleteContextDialog(context: SecurityContextView, error: Option<ApiError>) -> impl IntoView {
    let action = ServerAction::<DeleteSecurityContext>::new();
    let sizes: Vec<String> = context.sizes.into_iter().map(|one| one.size).collect();
    let words = if sizes.is_empty() {
        "Workers that run are left alone.".to_owned()
    } else {
        format!("Worker sizes use it, so it will be refused: {}.", sizes.join(", "))
    };
    view! {
        <DeleteDialog
            action
            title="Delete this security context?"
            what=context.name.clone()
            words
            key=("name", context.name)
            error
        />
    }
}

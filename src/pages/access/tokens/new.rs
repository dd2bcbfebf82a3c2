use leptos::prelude::*;

use super::{
    LIST,
    form::{TokenForm, end_choices, scope_choices},
    server_fns::{CreateToken, DRAFT, Made, made_token, token_workers},
};
use crate::{
    components::{
        Button, ButtonKind, ButtonLink, Card, Choice, CopyButton, Crumb, Form, Load, Note, NoteTone, PageTitle,
        SelectField, TextField,
    },
    forms::{Draft, form_state},
};

/// The form for a new token, and the token once it is made.
#[component]
pub fn TokenNewPage() -> impl IntoView {
    let draft = form_state::<TokenForm>(DRAFT);
    let made = made_token();
    let workers = Resource::new_blocking(|| (), |()| token_workers());
    view! {
        <Load from=workers let:workers>
            <PageTitle
                title="New API token"
                crumbs=vec![Crumb::text("Access"), Crumb::link("API tokens", LIST)]
            />
            <Suspense>
                {move || {
                    let workers = workers.clone();
                    Suspend::new(async move {
                        let draft = draft.await;
                        let made = made.await;
                        view! { <NewToken draft made workers /> }
                    })
                }}
            </Suspense>
        </Load>
    }
}

#[component]
fn NewToken(draft: Option<Draft<TokenForm>>, made: Option<Made>, workers: Vec<String>) -> impl IntoView {
    let create = ServerAction::<CreateToken>::new();
    let value = create.value();
    let made = Memo::new(move |_| match value.get() {
        Some(Ok(Some(made))) => Some(made),
        _ => made.clone(),
    });
    view! {
        {move || match made.get() {
            Some(made) => view! { <Shown made /> }.into_any(),
            None => view! { <TokenEditor create draft=draft.clone() workers=workers.clone() /> }.into_any(),
        }}
    }
}

/// The only showing.
#[component]
fn Shown(made: Made) -> impl IntoView {
    view! {
        <Card title=made.name subtitle=made.scope padded=true>
            <Note tone=NoteTone::Warn>
                "Copy the token now, for example as a secret of your pipeline. It is shown this once and stored nowhere."
            </Note>
            <p class="token-value">
                <code id="token-value" class="wrap">
                    {made.value.clone()}
                </code>
                <CopyButton text=made.value what="token" />
            </p>
            <div class="form-actions">
                <ButtonLink href=LIST>"To the list"</ButtonLink>
            </div>
        </Card>
    }
}

#[component]
fn TokenEditor(
    create: ServerAction<CreateToken>,
    draft: Option<Draft<TokenForm>>,
    workers: Vec<String>,
) -> impl IntoView {
    let (values, error) = match draft {
        Some(draft) => (draft.values, Some(draft.error)),
        None => (TokenForm::default(), None),
    };
    let mut choices = vec![Choice::new("", "Any of yours")];
    choices.extend(workers.iter().map(|worker| Choice::new(worker.clone(), worker.clone())));
    if choices.iter().all(|choice| choice.value != values.worker) {
        choices.push(Choice::new(values.worker.clone(), values.worker.clone()));
    }
    let ends = end_choices(&values.expires_in_days);
    view! {
        <Form action=create error=error>
            <Card title="Token">
                <TextField
                    path="name"
                    label="Name"
                    required=true
                    value=values.name
                    placeholder="pipeline of my-project"
                    hint=|| "What it is for, in your words."
                />
                <SelectField
                    path="scope"
                    label="May be used for"
                    choices=scope_choices()
                    value=values.scope
                    hint=|| {
                        "A token for builds fills build folders, starts, watches and cancels builds, and reaches nothing else. With workers of its own it also starts builder workers, and ends those."
                    }
                />
                <SelectField
                    path="worker"
                    label="Builder worker"
                    choices=choices
                    value=values.worker
                    hint=|| "Limits a token for builds to one worker; it ends with the worker."
                />
                <SelectField path="expires_in_days" label="Ends after" choices=ends value=values.expires_in_days />
            </Card>
            <div class="form-actions">
                <Button kind=ButtonKind::Primary busy=create.pending()>
                    "Make the token"
                </Button>
                <ButtonLink href=LIST>"Cancel"</ButtonLink>
            </div>
        </Form>
    }
}

use leptos::{either::Either, form::ActionForm, prelude::*};
use prt_types::builds::{BuildSecretView, BuildView, CredentialUse, CredentialView};

use super::{
    form::RerunForm,
    server_fns::{CancelBuild, RerunBuild},
};
use crate::{
    components::{Button, ButtonKind, CheckField, ConfirmDialog, ConfirmLink, Form},
    forms::{Draft, form_state},
};

/// What refused plain POSTs of this page's forms left behind. Taken once, by the page.
#[derive(Clone, Copy)]
pub struct Drafts {
    rerun: Resource<Option<Draft<RerunForm>>>,
    cancel: Resource<Option<Draft<i64>>>,
}

impl Drafts {
    pub fn take() -> Self {
        Self {
            rerun: form_state("build-rerun"),
            cancel: form_state("build-cancel"),
        }
    }
}

/// "Run again" at once, or by way of the question for passwords when the build used logins: they are not kept.
#[component]
pub fn RerunActions(view: RwSignal<BuildView>) -> impl IntoView {
    let (number, logins) = view.with_untracked(|view| {
        // Kept ones are taken again by their names.
        let asked = view.credentials.iter().any(|login| login.secret_name.is_none())
            || view.options.secrets.iter().any(BuildSecretView::is_typed);
        (view.number, asked)
    });
    let action = ServerAction::<RerunBuild>::new();
    if logins {
        return Either::Left(view! {
            <ConfirmLink name="rerun" kind=ButtonKind::Plain>
                "Run again"
            </ConfirmLink>
        });
    }
    let failed = move || {
        action.value().with(|value| match value {
            Some(Err(error)) => Some(view! { <p class="field-error" role="alert">{error.to_string()}</p> }),
            Some(Ok(_)) | None => None,
        })
    };
    Either::Right(view! {
        <ActionForm action attr:class="inline-form">
            <input type="hidden" name="input[number]" value=number />
            <Button busy=action.pending()>"Run again"</Button>
            <Button busy=action.pending() attr:name="input[no_cache]" attr:value="true">
                "Run again without cache"
            </Button>
            {failed}
        </ActionForm>
    })
}

/// The question for the passwords, and the place where a refusal is shown.
#[component]
pub fn RerunDialog(view: RwSignal<BuildView>, drafts: Drafts) -> impl IntoView {
    let (number, logins, secrets) = view.with_untracked(|view| {
        let typed = view.options.secrets.iter().filter(|secret| secret.is_typed());
        let ids: Vec<String> = typed.map(|secret| secret.id.clone()).collect();
        (view.number, view.credentials.clone(), ids)
    });
    let action = ServerAction::<RerunBuild>::new();
    let draft = drafts.rerun;
    view! {
        <Suspense>
            {move || {
                let (logins, secrets) = (logins.clone(), secrets.clone());
                Suspend::new(async move {
                    let draft = draft.await;
                    let error = draft.as_ref().map(|draft| draft.error.clone());
                    let no_cache = draft.is_some_and(|draft| draft.values.no_cache);
                    let (logins, secrets) = (StoredValue::new(logins), StoredValue::new(secrets));
                    view! {
                        <ConfirmDialog name="rerun" title="Run this build again?" keep="Back">
                            <p>"With the same settings, and with the build folder as it is now."</p>
                            {kept_text(&logins.get_value()).map(|text| view! { <p>{text}</p> })}
                            <Form action error=error.clone()>
                                <input type="hidden" name="input[number]" value=number />
                                {logins
                                    .get_value()
                                    .into_iter()
                                    .filter(|login| login.secret_name.is_none())
                                    .enumerate()
                                    .map(|(at, login)| {
                                        let name = |part: &str| format!("input[registry_credentials][{at}][{part}]");
                                        view! {
                                            <div class="field">
                                                <input type="hidden" name=name("host") value=login.host.clone() />
                                                <input type="hidden" name=name("username") value=login.username.clone() />
                                                <input type="hidden" name=name("only") value=login.only.map(CredentialUse::name) />
                                                <label for=format!("f-rerun-{at}")>
                                                    {format!("Password of {}", login.text())}
                                                </label>
                                                <div class="field-control">
                                                    <input
                                                        type="password"
                                                        class="input"
                                                        id=format!("f-rerun-{at}")
                                                        name=name("password")
                                                        autocomplete="new-password"
                                                    />
                                                </div>
                                            </div>
                                        }
                                    })
                                    .collect_view()}
                                {secrets
                                    .get_value()
                                    .into_iter()
                                    .enumerate()
                                    .map(|(at, id)| {
                                        view! {
                                            <div class="field">
                                                <input type="hidden" name=format!("input[secrets][{at}][id]") value=id.clone() />
                                                <label for=format!("f-rerun-secret-{at}")>{format!("Value of the secret {id}")}</label>
                                                <div class="field-control">
                                                    <textarea
                                                        class="input mono"
                                                        id=format!("f-rerun-secret-{at}")
                                                        name=format!("input[secrets][{at}][value]")
                                                        rows="1"
                                                        autocomplete="off"
                                                        spellcheck="false"
                                                    ></textarea>
                                                </div>
                                            </div>
                                        }
                                    })
                                    .collect_view()}
                                <CheckField path="no_cache" label="Without using the cache" checked=no_cache />
                                <div class="form-actions">
                                    <Button kind=ButtonKind::Primary busy=action.pending()>
                                        "Run again"
                                    </Button>
                                </div>
                            </Form>
                        </ConfirmDialog>
                    }
                })
            }}
        </Suspense>
    }
}

/// Which kept credentials are taken again.
fn kept_text(logins: &[CredentialView]) -> Option<String> {
    let names: Vec<&str> = logins.iter().filter_map(|login| login.secret_name.as_deref()).collect();
    (!names.is_empty()).then(|| format!("Kept credentials are used again: {}.", names.join(", ")))
}

/// "Really stop it?"
#[component]
pub fn CancelDialog(number: i64, drafts: Drafts) -> impl IntoView {
    let action = ServerAction::<CancelBuild>::new();
    let draft = drafts.cancel;
    view! {
        <Suspense>
            {move || Suspend::new(async move {
                let error = draft.await.map(|draft| draft.error);
                view! {
                    <ConfirmDialog name="cancel" title="Cancel this build?" keep="Let it go on">
                        <p>"The step that runs is stopped. What was built so far stays in the cache."</p>
                        <Form action prefix="" error=error.clone()>
                            <input type="hidden" name="number" value=number />
                            <div class="form-actions">
                                <Button kind=ButtonKind::Danger busy=action.pending()>
                                    "Cancel the build"
                                </Button>
                            </div>
                        </Form>
                    </ConfirmDialog>
                }
            })}
        </Suspense>
    }
}

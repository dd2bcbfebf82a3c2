//! The configuration of a worker's build service.

mod findings;
mod full_form;
mod server_fns;
mod simple_form;

use leptos::{either::Either, prelude::*};
use leptos_router::hooks::use_params_map;
use prt_types::{
    build_config::{BuildConfigMode, BuildConfigState, BuildConfigView},
    certificates::WorkerCertificates,
};

use self::{
    findings::Findings,
    full_form::FullForm,
    server_fns::{
        BuildConfigForm, BuildService, ResetBuildConfig, ResetForm, draft_key, get_build_config, get_build_service,
    },
    simple_form::SimpleForm,
};
use super::cache::{CACHE, CacheCard, PruneCache, PruneDialog};
use crate::{
    client::live::{Change, refresh_on_change},
    components::{
        Button, ButtonKind, Card, CheckField, ConfirmDialog, ConfirmLink, CopyButton, Crumb, Form, Load, MetaItem,
        MetaList, Note, NoteTone, PageTitle, RelativeTime, Tabs,
    },
    forms::{Draft, form_state},
};

/// The parts of a worker with a builder.
#[component]
pub fn WorkerTabs(name: String) -> impl IntoView {
    let label = format!("Parts of {name}");
    let tabs = vec![
        (format!("/workers/{name}"), "Overview"),
        (format!("/workers/{name}/build-config"), "Build service"),
    ];
    view! { <Tabs label tabs /> }
}

/// A refused form of before.
type Refused<T> = Option<Draft<T>>;

#[component]
pub fn BuildConfigPage() -> impl IntoView {
    let params = use_params_map();
    let name = Memo::new(move |_| params.with(|params| params.get("name")).unwrap_or_default());
    let worker = name.get_untracked();
    let data = Resource::new_blocking(move || name.get(), get_build_service);
    let simple = form_state::<BuildConfigForm>(draft_key(&worker, false));
    let full = form_state::<BuildConfigForm>(draft_key(&worker, true));
    let reset = form_state::<ResetForm>("build-config-reset");
    let prune = ServerAction::<PruneCache>::new();
    let pruned = form_state::<()>(CACHE);
    view! {
        <Load from=data let:service>
            <Suspense>
                {move || {
                    let service = service.clone();
                    Suspend::new(async move {
                        let (simple, full, reset) = (simple.await, full.await, reset.await);
                        let BuildService { config, certificates, cache } = service;
                        let pruned = pruned.await.map(|draft| draft.error);
                        view! {
                            <Detail name=name.get_untracked() view=config simple full reset />
                            <Certificates certificates />
                            {cache.map(|cache| view! { <CacheCard cache prune /> })}
                            <PruneDialog name=name.get_untracked() action=prune error=pruned />
                        }
            })
                }}
            </Suspense>
        </Load>
    }
}

#[component]
fn Detail(
    name: String,
    view: BuildConfigView,
    simple: Refused<BuildConfigForm>,
    full: Refused<BuildConfigForm>,
    reset: Refused<ResetForm>,
) -> impl IntoView {
    let initial = view.clone();
    let view = RwSignal::new(view);
    let (changed, fetched) = (name.clone(), name.clone());
    refresh_on_change(
        move |change| matches!(change, Change::Worker { name } if *name == changed),
        view,
        move || get_build_config(fetched.clone()),
    );
    let crumbs = vec![
        Crumb::link("Workers", "/workers"),
        Crumb::link(name.clone(), format!("/workers/{name}")),
    ];
    let (tabs_of, simple_of, full_of) = (name.clone(), name.clone(), name.clone());
    let can_reset = move || view.with(|view| view.mode != BuildConfigMode::Default);
    let actions = move || {
        view! {
            {can_reset().then(|| view! { <ConfirmLink name="reset" kind=ButtonKind::Plain>"Reset"</ConfirmLink> })}
        }
    };
    view! {
        <PageTitle title="Build service" crumbs actions=move || actions />
        <WorkerTabs name=tabs_of />
        <State view />
        <Card title="Insecure registries" padded=true>
            <SimpleForm name=simple_of hosts=initial.insecure_registries.join(", ") refused=simple />
        </Card>
        <Card title="Whole configuration" padded=true>
            <FullForm name=full_of text=initial.config_content.unwrap_or(initial.active) refused=full />
        </Card>
        <Active view />
        <Reset name refused=reset />
    }
}

/// Which private certificates the builder was started with.
#[component]
fn Certificates(certificates: Option<WorkerCertificates>) -> impl IntoView {
    let Some(certificates) = certificates else {
        return Either::Left(view! {
            <Card title="Private certificates" padded=true>
                <p class="hint">
                    "This builder has none: private certificate injection was off when it was started. An admin switches it on under Infrastructure > Certificates."
                </p>
            </Card>
        });
    };
    let subjects = certificates
        .subjects
        .into_iter()
        .map(|subject| view! { <li>{subject}</li> })
        .collect_view();
    Either::Right(view! {
        <Card title="Private certificates" padded=true>
            <p>{certificates.note}</p>
            <ul class="plain-list">{subjects}</ul>
            <p class="hint">"SHA-256 of the bundle: " <span class="mono breakable">{certificates.fingerprint}</span></p>
        </Card>
    })
}

/// What is going on, or what went wrong.
#[component]
fn State(view: RwSignal<BuildConfigView>) -> impl IntoView {
    let shown = Memo::new(move |_| view.with(|view| (view.state, view.message.clone())));
    move || {
        let (state, message) = shown.get();
        match state {
            BuildConfigState::Active => None,
            BuildConfigState::Waiting | BuildConfigState::Applying => {
                let text = if message.is_empty() {
                    "The configuration is being tried and put in place.".to_owned()
                } else {
                    message
                };
                Some(Either::Left(view! {
                    <div class="note working" role="status">
                        <progress aria-label="In progress"></progress>
                        <div class="note-text">{text}</div>
                    </div>
                }))
            }
            BuildConfigState::Failed => Some(Either::Right(view! {
                <Note tone=NoteTone::Bad>
                    <strong>"The latest change did not work: "</strong>
                    <span class="message">{message}</span>
                    " The build service goes on with the configuration below."
                </Note>
            })),
        }
    }
}

/// What the service runs with.
#[component]
fn Active(view: RwSignal<BuildConfigView>) -> impl IntoView {
    move || {
        let view = view.get();
        let from = match view.mode {
            BuildConfigMode::Default => "The installation's registries",
            BuildConfigMode::Simple => "The installation's registries and insecure ones",
            BuildConfigMode::Full => "A whole configuration",
        };
        let changed = view.updated_ms.map(|ms| {
            view! {
                <MetaItem label="Latest change">
                    <RelativeTime ms />
                    {view.updated_by.clone().map(|name| format!(" by {name}"))}
                </MetaItem>
            }
        });
        let (text, findings) = (view.active, view.findings);
        let empty = text.trim().is_empty();
        let copied = text.clone();
        let copy = move || (!empty).then(|| view! { <CopyButton text=copied.clone() what="configuration" /> });
        view! {
            <Card title="Runs with" actions=copy>
                <MetaList>
                    <MetaItem label="Made of">{from}</MetaItem>
                    {changed}
                </MetaList>
                {(!findings.is_empty()).then(|| view! { <div class="card-padded"><Findings findings /></div> })}
                {if empty {
                    Either::Left(view! { <p class="hint card-padded">"BuildKit's own defaults: the file is empty."</p> })
                } else {
                    Either::Right(view! { <pre class="code-block" tabindex="0" aria-label="buildkitd.toml">{text}</pre> })
                }}
            </Card>
        }
    }
}

#[component]
fn Reset(name: String, refused: Refused<ResetForm>) -> impl IntoView {
    let action = ServerAction::<ResetBuildConfig>::new();
    let (checked, error) = match refused {
        Some(draft) => (draft.values.refuse_reset, Some(draft.error)),
        None => (false, None),
    };
    let error = StoredValue::new(error);
    let name = StoredValue::new(name);
    view! {
        <ConfirmDialog name="reset" title="Reset the build service?">
            <p>
                "It runs with the installation's registries again, as when the builder was started. The worker and its cache stay."
            </p>
            <Form action error=error.get_value()>
                <input type="hidden" name="input[worker]" value=name.get_value() />
                <CheckField path="refuse_reset" label="Fail if a build runs, instead of waiting for its end" checked />
                <div class="form-actions">
                    <Button kind=ButtonKind::Primary busy=action.pending()>
                        "Reset"
                    </Button>
                </div>
            </Form>
        </ConfirmDialog>
    }
}

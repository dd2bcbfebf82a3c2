use leptos::{either::Either, prelude::*};
use leptos_router::hooks::use_params_map;
use prt_types::workers::{WorkerStatus, WorkerView};

use super::{
    build_config::WorkerTabs,
    containers::{ContainerTable, EventTable},
    limits,
    log_panel::{ContainerLog, LogPanel, container_log},
    server_fns::{TerminateForm, TerminateWorker, WorkerDetail, get_worker},
};
use crate::{
    client::live::{Change, refresh_on_change},
    components::{
        Button, ButtonKind, ButtonLink, Card, ConfirmDialog, ConfirmLink, CopyButton, Crumb, Duration, Form, Load,
        MetaItem, MetaList, Note, NoteTone, PageTitle, RelativeTime, StatusPill, TextField, Tone,
    },
    forms::{Draft, form_state},
    pages::builds::BuildTable,
};

/// One worker.
#[component]
pub fn WorkerPage() -> impl IntoView {
    let params = use_params_map();
    let name = Memo::new(move |_| params.with(|params| params.get("name")).unwrap_or_default());
    let data = Resource::new_blocking(move || name.get(), get_worker);
    let draft = form_state::<TerminateForm>("worker-terminate");
    let log = container_log(name);
    view! {
        <Load from=data let:detail>
            <Detail detail draft log />
        </Load>
    }
}

#[component]
fn Detail(detail: WorkerDetail, draft: Resource<Option<Draft<TerminateForm>>>, log: ContainerLog) -> impl IntoView {
    let owners = detail.owners;
    let name = detail.worker.name.clone();
    let detail = RwSignal::new(detail);
    let changed = name.clone();
    let fetched = name.clone();
    refresh_on_change(
        move |change| match change {
            Change::Worker { name } => *name == changed,
            Change::Engine => true,
            Change::Build { .. } => detail.with_untracked(|detail| detail.worker.builder),
            Change::ContainerImages
            | Change::RegistryCredentials
            | Change::Secrets
            | Change::WorkerSizes
            | Change::SecurityContexts => false,
        },
        detail,
        move || get_worker(fetched.clone()),
    );
    let view = Memo::new(move |_| detail.with(|detail| detail.worker.clone()));
    let status = Memo::new(move |_| view.with(|worker| worker.status));
    let containers = Memo::new(move |_| view.with(|worker| worker.containers.clone()));
    let events = Memo::new(move |_| view.with(|worker| worker.events.clone()));
    let builds = RwSignal::new(detail.with_untracked(|detail| detail.builds.clone()));
    Effect::new(move |_| {
        let now = detail.with(|detail| detail.builds.clone());
        if builds.with_untracked(|known| *known != now) {
            builds.set(now);
        }
    });
    let builder = view.with_untracked(|worker| worker.builder);
    // Its logs went with its containers; those that were in sight at that moment stay.
    let ended = view.with_untracked(|worker| worker.status == WorkerStatus::Terminated);
    let open_of = StoredValue::new(name.clone());
    let build_href = StoredValue::new(format!("/builds/new?worker={name}"));
    let roles =
        containers.with_untracked(|containers| containers.iter().map(|container| container.role).collect::<Vec<_>>());
    let actions = move || {
        let href = build_href.get_value();
        let status = status.get();
        let can_build = builder && status == WorkerStatus::Running;
        let opens = matches!(status, WorkerStatus::Provisioning | WorkerStatus::Running);
        let can_end = matches!(
            status,
            WorkerStatus::Provisioning | WorkerStatus::Running | WorkerStatus::Failed
        );
        view! {
            {opens.then(|| view! { <OpenNotebook name=open_of.get_value() /> })}
            {can_build.then(|| view! { <ButtonLink href kind=ButtonKind::Primary>"Build an image"</ButtonLink> })}
            {can_end.then(|| view! { <ConfirmLink name="terminate">"Terminate"</ConfirmLink> })}
        }
    };
    let (title, log_of, commands_of, tabs_of) = (name.clone(), name.clone(), name.clone(), name.clone());
    view! {
        <PageTitle title crumbs=vec![Crumb::link("Workers", "/workers")] actions=move || actions>
            <span data-status=move || status.get().name()>
                <StatusPill tone=Signal::derive(move || Tone::from(status.get())) text=Signal::derive(move || status.get().name().to_owned()) />
            </span>
        </PageTitle>
        {builder.then(|| view! { <WorkerTabs name=tabs_of /> })}
        <Progress view />
        <Card>
            <Facts view />
        </Card>
        <Card title="Containers">
            <ContainerTable containers />
        </Card>
        {builder
            .then(|| {
                view! {
                    <Card title="Builds">
                        <BuildTable builds owners in_worker=true />
                    </Card>
                }
            })}
        {(!ended).then(|| view! { <LogPanel name=log_of roles log /> })}
        <Card title="Events">
            <EventTable events />
        </Card>
        <Card title="From a terminal" padded=true>
            <Commands name=commands_of builder />
        </Card>
        <Terminate name draft />
    }
}

/// What is going on, or what went wrong.
#[component]
fn Progress(view: Memo<WorkerView>) -> impl IntoView {
    let text = Memo::new(move |_| {
        view.with(|worker| {
            let latest = worker
                .events
                .last()
                .map(|event| event.message.clone())
                .filter(|text| !text.is_empty());
            let message = Some(worker.message.clone()).filter(|text| !text.is_empty());
            match worker.status {
                WorkerStatus::Provisioning => Some(
                    message
                        .or(latest)
                        .unwrap_or_else(|| "The worker is being started.".to_owned()),
                ),
                WorkerStatus::Terminating => Some("The worker is being removed, with its volumes.".to_owned()),
                WorkerStatus::Failed => Some(message.unwrap_or_else(|| "The worker failed.".to_owned())),
                // Without a reason the pill says as much. A worker that has ended may have failed before.
                WorkerStatus::Running | WorkerStatus::Terminated => worker.reason.and(message),
            }
        })
    });
    let status = Memo::new(move |_| view.with(|worker| (worker.status, worker.reason)));
    move || {
        let text = text.get()?;
        let (status, reason) = status.get();
        Some(match status {
            WorkerStatus::Provisioning | WorkerStatus::Terminating => Either::Left(view! {
                <div class="note working" role="status">
                    <progress aria-label="In progress"></progress>
                    <div class="note-text">{text}</div>
                </div>
            }),
            WorkerStatus::Running | WorkerStatus::Terminated | WorkerStatus::Failed => {
                let tone = match status {
                    WorkerStatus::Failed => NoteTone::Bad,
                    WorkerStatus::Running => NoteTone::Warn,
                    _ => NoteTone::Info,
                };
                Either::Right(view! {
                    <Note tone>
                        {reason.map(|reason| view! { <strong>{reason.name()} ": "</strong> })} <span class="message">{text}</span>
                    </Note>
                })
            }
        })
    }
}

#[component]
fn Facts(view: Memo<WorkerView>) -> impl IntoView {
    move || {
        let worker = view.get();
        let share = worker.builder.then(|| {
            let share = worker.builder_capacity.unwrap_or(50);
            view! { <MetaItem label="Builder's share">{format!("{share} %")}</MetaItem> }
        });
        let digest = worker.image_digest.clone().map(|digest| {
            view! {
                <MetaItem label="Digest" attr:class="meta-wide">
                    <span class="mono breakable">{digest.clone()}</span>
                    " "
                    <CopyButton text=digest what="digest" />
                </MetaItem>
            }
        });
        let ended = worker
            .ended_ms
            .map(|ms| view! { <MetaItem label="Ended"><RelativeTime ms /></MetaItem> });
        let stop = worker
            .stop_reason
            .clone()
            .map(|reason| view! { <MetaItem label="Reason for the end">{reason}</MetaItem> });
        let ready = worker.ready_ms.map(|ready| {
            view! {
                <MetaItem label="Ready after">
                    <Duration from_ms=Some(worker.created_ms) to_ms=Some(ready) />
                </MetaItem>
            }
        });
        let secrets = |label: &'static str, names: &[String]| {
            let names = names.join(", ");
            (!names.is_empty()).then(|| {
                view! {
                    <MetaItem label>
                        <span class="mono breakable">{names}</span>
                    </MetaItem>
                }
            })
        };
        let params = (!worker.additional_params.is_empty()).then(|| {
            let json = serde_json::to_string(&worker.additional_params).unwrap_or_default();
            view! {
                <MetaItem label="Parameters" attr:class="meta-wide">
                    <span class="mono breakable">{json}</span>
                </MetaItem>
            }
        });
        view! {
            <MetaList>
                <MetaItem label="Image" attr:class="meta-wide">
                    <span class="mono breakable">{worker.image.clone()}</span>
                    " "
                    <CopyButton text=worker.image.clone() what="image" />
                </MetaItem>
                {digest}
                <MetaItem label="Size">
                    {worker.size.clone()} " " <span class="muted">{limits::text(&worker.limits)}</span>
                </MetaItem>
                <MetaItem label="Security context">{worker.security_context.name().to_owned()}</MetaItem>
                {share}
                <MetaItem label="Reached by">{worker.network_protocol.clone()}</MetaItem>
                {secrets("Personal secrets", &worker.personal_secrets)}
                {secrets("Shared secrets", &worker.shared_secrets)}
                {params}
                <MetaItem label="Owner">{worker.owner.clone()}</MetaItem>
                <MetaItem label="Started">
                    <RelativeTime ms=worker.created_ms />
                </MetaItem>
                {ready}
                {ended}
                {stop}
            </MetaList>
        }
    }
}

#[component]
fn Commands(name: String, builder: bool) -> impl IntoView {
    let mut commands = vec![
        format!("prtcli worker show {name}"),
        format!("prtcli worker logs {name}"),
    ];
    if builder {
        commands.push(format!(
            "prtcli build . --worker {name} -t my-registry.example.com/demo/my-image:25.5.3 --push"
        ));
    }
    commands.push(format!("prtcli worker terminate {name}"));
    let items = commands
        .into_iter()
        .map(|command| {
            view! {
                <li>
                    <code>{command.clone()}</code>
                    <CopyButton text=command what="command" />
                </li>
            }
        })
        .collect_view();
    view! { <ul class="commands">{items}</ul> }
}

#[component]
fn Terminate(name: String, draft: Resource<Option<Draft<TerminateForm>>>) -> impl IntoView {
    let action = ServerAction::<TerminateWorker>::new();
    let title = format!("Terminate {name}?");
    view! {
        <Suspense>
            {move || {
                let (title, name) = (title.clone(), name.clone());
                Suspend::new(async move {
                    let draft = draft.await;
                    let error = draft.as_ref().map(|draft| draft.error.clone());
                    let reason = draft.map(|draft| draft.values.stop_reason).unwrap_or_default();
                    let name = StoredValue::new(name);
                    let reason = StoredValue::new(reason);
                    view! {
                        <ConfirmDialog name="terminate" title keep="Keep it">
                            <p>"Its containers, its build folder and its build cache are removed. Images that were pushed stay where they are."</p>
                            <Form action error=error.clone()>
                                <input type="hidden" name="input[name]" value=name.get_value() />
                                <TextField
                                    path="stop_reason"
                                    label="Reason"
                                    value=reason.get_value()
                                    hint=|| "Optional; kept with the worker and in the audit log."
                                />
                                <div class="form-actions">
                                    <Button kind=ButtonKind::Danger busy=action.pending()>
                                        "Terminate"
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

/// Opens the notebook in a tab of its own. A plain POST in every browser, which ends on the notebook's own host.
#[component]
fn OpenNotebook(name: String) -> impl IntoView {
    view! {
        <form method="post" action="/_fn/open_notebook" target="_blank">
            <input type="hidden" name="worker" value=name />
            <Button>"Open notebook"</Button>
        </form>
    }
}

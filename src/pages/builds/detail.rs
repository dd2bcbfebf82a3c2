use leptos::{prelude::*, task::spawn_local};
use leptos_router::hooks::{use_params_map, use_query_map};
use prt_types::builds::{BuildStatus, BuildView};

use super::{
    facts::Facts,
    failure::Failure,
    log_part::LogPart,
    pin::{PinButton, day},
    rerun::{CancelDialog, Drafts, RerunActions, RerunDialog},
    server_fns::{BuildDetail, get_build, load_build},
};
use crate::{
    client::{Link, live::follow_build},
    components::{
        ButtonKind, ButtonLink, Card, ConfirmLink, CopyButton, Crumb, Duration, Load, PageTitle, StatusPill, Tone,
        log_view::model::LogModel, step_tree::StepTree,
    },
};

/// One build: what it is, how it goes, its log.
#[component]
pub fn BuildPage() -> impl IntoView {
    let params = use_params_map();
    let query = use_query_map();
    let number = Memo::new(move |_| {
        params
            .with(|params| params.get("number"))
            .and_then(|number| number.parse().ok())
            .unwrap_or(0)
    });
    // Only what changes the lines: a question in the address (`?confirm=…`) does not load the log again.
    let view = Memo::new(move |_| {
        query.with(|query| {
            let number = |name: &str| query.get(name).and_then(|value| value.parse::<u64>().ok());
            (number("step").map(|step| step as u32), number("before"))
        })
    });
    let data = Resource::new_blocking(
        move || (number.get(), view.get()),
        |(number, (step, before))| load_build(number, step, before),
    );
    let drafts = Drafts::take();
    view! {
        <Load from=data let:detail>
            <Detail detail drafts />
        </Load>
    }
}

/// The address of a build's lines.
pub fn href(number: i64, step: Option<u32>) -> String {
    match step {
        Some(step) => format!("/builds/{number}?step={step}"),
        None => format!("/builds/{number}"),
    }
}

#[component]
fn Detail(detail: BuildDetail, drafts: Drafts) -> impl IntoView {
    let BuildDetail { build: view, log } = detail;
    let number = view.number;
    let deleted = view.log_deleted_ms;
    let model = RwSignal::new(log);
    let view = RwSignal::new(view);
    let link = RwSignal::new(Link::Idle);
    follow_build(number, model, link);
    let status = Memo::new(move |_| status_of(&model.read(), &view.read()));
    let notices = Memo::new(move |_| model.with(|model| model.notices));
    // The log says that it goes on, is being canceled or has ended; digest, reason, message and times stand in the build.
    Effect::new(move |before: Option<(BuildStatus, u64)>| {
        let now = (status.get(), notices.get());
        if before.is_some_and(|before| before.1 != now.1 || now.0 != view.with_untracked(|view| view.status)) {
            spawn_local(async move {
                if let Ok(fresh) = get_build(number).await {
                    view.try_set(fresh);
                }
            });
        }
        now
    });
    let reference = view.with_untracked(|view| view.reference.clone());
    // The engine may hold an older image of the same name.
    let worker_href = format!(
        "/workers/new?pull_policy=Always&image={}",
        leptos_router::location::Url::escape(&reference)
    );
    let worker_href = StoredValue::new(worker_href);
    let actions = move || {
        let status = status.get();
        let pushed = status == BuildStatus::Succeeded && view.with(|view| view.push_image);
        view! {
            {(!status.is_final() && status != BuildStatus::Canceling)
                .then(|| view! { <ConfirmLink name="cancel">"Cancel"</ConfirmLink> })}
            {status.is_final().then(|| view! { <RerunActions view /> })}
            <PinButton view />
            {pushed
                .then(|| {
                    view! {
                        <ButtonLink href=worker_href.get_value() kind=ButtonKind::Primary>
                            "Start a worker with this image"
                        </ButtonLink>
                    }
                })}
        }
    };
    let started = Signal::derive(move || view.with(|view| view.started_ms.or(Some(view.created_ms))));
    let ended = Signal::derive(move || {
        view.with(|view| {
            if view.status.is_final() {
                view.ended_ms.or(Some(view.created_ms))
            } else {
                None
            }
        })
    });
    let copied = reference.clone();
    view! {
        <PageTitle
            title=reference
            mono=true
            crumbs=vec![Crumb::link("Builds", "/builds"), Crumb::link(format!("#{number}"), format!("/builds/{number}"))]
            actions=move || actions
        >
            <CopyButton text=copied what="image name" />
            <span class="build-status" data-status=move || status.get().name()>
                <StatusPill
                    tone=Signal::derive(move || Tone::from(status.get()))
                    text=Signal::derive(move || status.get().name().to_owned())
                />
                <Duration from_ms=started to_ms=ended />
            </span>
        </PageTitle>
        <Failure view />
        <Card>
            <Facts view model />
        </Card>
        {match deleted {
            Some(ms) => {
                view! {
                    <Card title="Log" padded=true>
                        <p>
                            {format!("The log was deleted on {}, because it was older than the retention rule for logs.", day(ms))}
                        </p>
                    </Card>
                }
                    .into_any()
            }
            None => {
                view! {
                    <div class="build-split">
                        <Card title="Steps">
                            <StepTree model href number />
                        </Card>
                        <LogPart number model link view />
                    </div>
                }
                    .into_any()
            }
        }}
        <CancelDialog number drafts />
        <RerunDialog view drafts />
    }
}

/// The log is ahead of the build as it was loaded.
fn status_of(model: &LogModel, view: &BuildView) -> BuildStatus {
    match &model.end {
        Some(end) => end.status,
        None if view.status == BuildStatus::Pending && !model.steps.is_empty() => BuildStatus::Running,
        None => view.status,
    }
}

use leptos::prelude::*;
use prt_types::builds::{BuildStatus, BuildView};

use crate::components::{ButtonKind, ButtonLink, Cell, Column, Duration, RelativeTime, StatusPill, Table, Tone};

/// Builds in rows. `in_worker` leaves out what the page around it says already.
#[component]
pub fn BuildTable(
    builds: RwSignal<Vec<BuildView>>,
    /// Says who started them.
    owners: bool,
    #[prop(optional)] in_worker: bool,
    /// A filter is set: "nothing" has another reason then.
    #[prop(optional)]
    filtered: bool,
) -> impl IntoView {
    let mut columns = vec![Column::from("Build"), "Status".into(), "Image".into()];
    if !in_worker {
        columns.push("Worker".into());
    }
    columns.push(Column::number("Duration"));
    columns.push(Column::number("Steps"));
    if owners {
        columns.push("Started by".into());
    }
    columns.push("When".into());
    view! {
        <Table
            label="Builds"
            columns
            empty=Signal::derive(move || builds.with(Vec::is_empty))
            when_empty=move || {
                if filtered {
                    view! {
                        <h2>"No build matches"</h2>
                        <p>
                            <a href="/builds">"Show all builds"</a>
                        </p>
                    }
                        .into_any()
                } else if in_worker {
                    view! { <p>"Nothing was built in this worker yet."</p> }.into_any()
                } else {
                    view! {
                        <h2>"No builds yet"</h2>
                        <p>"A build makes a container image from a Dockerfile, inside a worker that has a builder."</p>
                        <ButtonLink href="/builds/new".to_owned() kind=ButtonKind::Primary>
                            "Build an image"
                        </ButtonLink>
                    }
                        .into_any()
                }
            }
        >
            // A row is made anew when something in it has changed; the others keep focus and selection.
            <For each=move || builds.get() key=|build| serde_json::to_string(build).unwrap_or_default() let:build>
                <BuildRow row=build in_worker owners />
            </For>
        </Table>
    }
}

#[component]
fn BuildRow(row: BuildView, in_worker: bool, owners: bool) -> impl IntoView {
    let build = row;
    let (started, ended) = (build.started_ms, ended(&build));
    let number = build.number;
    let worker = (!in_worker).then(|| {
        view! {
            <Cell label="Worker">
                <a href=format!("/workers/{}", build.worker)>{build.worker.clone()}</a>
            </Cell>
        }
    });
    let steps = match (build.steps, build.steps_cached) {
        (0, _) => String::new(),
        (steps, 0) => steps.to_string(),
        (steps, cached) => format!("{steps}, {cached} cached"),
    };
    let reason = build
        .reason
        .map(|reason| view! { <span class="muted reason">{reason.name()}</span> });
    let kept = (!build.push_image).then(|| view! { <span class="badge">"not pushed"</span> });
    view! {
        <tr data-build=number>
            <Cell>
                <a href=format!("/builds/{number}") class="row-name">
                    {format!("#{number}")}
                </a>
            </Cell>
            <Cell label="Status">
                <StatusPill tone=Tone::from(build.status) text=build.status.name().to_owned() attr:data-status=build.status.name() />
                {reason}
            </Cell>
            <Cell label="Image">
                <span class="mono breakable">{build.reference.clone()}</span>
                " "
                {kept}
            </Cell>
            {worker}
            <Cell label="Duration" number=true>
                <Duration from_ms=started to_ms=ended />
            </Cell>
            <Cell label="Steps" number=true>
                {steps}
            </Cell>
            {owners.then(|| view! { <Cell label="Started by">{build.owner.clone()}</Cell> })}
            <Cell label="When">
                <RelativeTime ms=build.created_ms />
            </Cell>
        </tr>
    }
}

/// A build that never began has no duration that runs on.
fn ended(build: &BuildView) -> Option<i64> {
    match build.status {
        BuildStatus::Pending | BuildStatus::Running | BuildStatus::Canceling => None,
        BuildStatus::Succeeded | BuildStatus::Failed | BuildStatus::Canceled => build.ended_ms.or(build.started_ms),
    }
}

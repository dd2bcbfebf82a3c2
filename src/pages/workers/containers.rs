use leptos::prelude::*;
use prt_types::{
    exit_code::exit_code_words,
    workers::{ContainerRole, ContainerState, ContainerView, WorkerEvent},
};

use super::limits;
use crate::components::{Cell, Column, RelativeTime, StatusPill, Table, Tone};

/// The containers of a worker with their limits, as the engine has them.
#[component]
pub fn ContainerTable(containers: Memo<Vec<ContainerView>>) -> impl IntoView {
    let columns: Vec<Column> = vec![
        "Container".into(),
        "State".into(),
        "Image".into(),
        "CPU and memory".into(),
        "Started".into(),
    ];
    view! {
        <Table
            label="Containers"
            columns
            empty=Signal::derive(move || containers.with(Vec::is_empty))
            when_empty=|| view! { <p>"There are no containers."</p> }
        >
            <For each=move || containers.get() key=|container| serde_json::to_string(container).unwrap_or_default() let:container>
                <ContainerRow container />
            </For>
        </Table>
    }
}

fn tone(container: &ContainerView) -> Tone {
    match (container.state, container.exit_code) {
        (ContainerState::Running, _) => Tone::Ok,
        (ContainerState::Exited, Some(0))
        | (ContainerState::Absent | ContainerState::Created | ContainerState::Unknown, _) => Tone::Idle,
        (ContainerState::Exited, _) => Tone::Bad,
    }
}

#[component]
fn ContainerRow(container: ContainerView) -> impl IntoView {
    let role = match container.role {
        ContainerRole::Primary => "Primary",
        ContainerRole::Builder => "Builder",
    };
    let absent = container.state == ContainerState::Absent;
    let tone = tone(&container);
    let name = container.role.name();
    let state = container.state.name();
    let exit = container
        .exit_code
        .filter(|_| container.state == ContainerState::Exited);
    view! {
        <tr data-container=name>
            <Cell>
                <strong>{role}</strong>
            </Cell>
            <Cell label="State">
                <StatusPill tone text=state.to_owned() attr:data-status=state />
                {exit.map(|code| view! { <span class="muted">{format!(" {}", exit_code_words(code))}</span> })}
                {container.error.clone().map(|error| view! { <p class="reason">{error}</p> })}
            </Cell>
            <Cell label="Image">
                <span class="mono breakable">{container.image.clone()}</span>
            </Cell>
            <Cell label="CPU and memory">{limits::text(&container.limits)}</Cell>
            <Cell label="Started">
                {match container.started_ms {
                    Some(ms) => view! { <RelativeTime ms /> }.into_any(),
                    None => view! { <span class="muted">{if absent { "" } else { "not yet" }}</span> }.into_any(),
                }}
            </Cell>
        </tr>
    }
}

/// What happened to a worker, the latest first.
#[component]
pub fn EventTable(events: Memo<Vec<WorkerEvent>>) -> impl IntoView {
    let columns: Vec<Column> = vec!["When".into(), "Where".into(), "What".into(), "Details".into()];
    let rows = move || {
        let mut rows: Vec<(usize, WorkerEvent)> = events.get().into_iter().enumerate().collect();
        rows.reverse();
        rows
    };
    view! {
        <Table
            label="Events"
            columns
            empty=Signal::derive(move || events.with(Vec::is_empty))
            when_empty=|| view! { <p>"Nothing has happened yet."</p> }
        >
            <For each=rows key=|(at, event)| (*at, event.at_ms) let:row>
                <tr>
                    <Cell label="When">
                        <RelativeTime ms=row.1.at_ms />
                    </Cell>
                    <Cell label="Where">{row.1.source}</Cell>
                    <Cell label="What">{row.1.kind}</Cell>
                    <Cell label="Details">
                        <span class="breakable">{row.1.message}</span>
                    </Cell>
                </tr>
            </For>
        </Table>
    }
}

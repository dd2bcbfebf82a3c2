use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use prt_types::workers::WorkerView;

use super::server_fns::{WorkerList, list_workers};
use crate::{
    client::live::{Change, refresh_on_change},
    components::{
        ButtonKind, ButtonLink, Cell, Column, Load, Note, NoteTone, PageTitle, RelativeTime, StatusPill, Table, Tone,
    },
};

/// All workers of the viewer; an admin's list has everybody's.
#[component]
pub fn WorkersPage() -> impl IntoView {
    let query = use_query_map();
    let all = Memo::new(move |_| query.with(|query| query.get("all").is_some()));
    let list = Resource::new_blocking(move || all.get(), list_workers);
    view! {
        <PageTitle
            title="Workers"
            actions=|| view! { <ButtonLink href="/workers/new".to_owned() kind=ButtonKind::Primary>"Start a worker"</ButtonLink> }
        />
        <nav class="tabs" aria-label="Which workers">
            <a href="/workers" aria-current=move || (!all.get()).then_some("page")>
                "Current"
            </a>
            <a href="/workers?all=1" aria-current=move || all.get().then_some("page")>
                "With terminated ones"
            </a>
        </nav>
        <Load from=list let:list>
            <WorkerTable list all=all.get_untracked() />
        </Load>
    }
}

#[component]
fn WorkerTable(list: WorkerList, all: bool) -> impl IntoView {
    let admin = list.owners;
    let list = RwSignal::new(list);
    refresh_on_change(
        |change| matches!(change, Change::Worker { .. } | Change::Build { .. }),
        list,
        move || list_workers(all),
    );
    let mut columns: Vec<Column> = vec!["Name".into(), "Status".into(), "Image".into(), "Size".into()];
    if admin {
        columns.push("Owner".into());
    }
    columns.push("Started".into());
    let unknown = Memo::new(move |_| list.with(|list| list.unknown));
    view! {
        {move || {
            let count = match unknown.get() {
                0 => return None,
                1 => "a worker that this database does not know.".to_owned(),
                count => format!("{count} workers that this database does not know."),
            };
            Some(
                view! {
                    <Note tone=NoteTone::Warn>
                        {format!("The container engine has {count} ")} <a href="/workers/unknown">"Adopt or remove them"</a>
                    </Note>
                },
            )
        }}
        <section class="card">
            <Table
                label="Workers"
                columns
                empty=Signal::derive(move || list.with(|list| list.workers.is_empty()))
                when_empty=|| {
                    view! {
                        <h2>"No worker runs"</h2>
                        <p>"A worker runs a container image on a size of your choice. With a builder beside it, it builds images too."</p>
                        <ButtonLink href="/workers/new".to_owned() kind=ButtonKind::Primary>
                            "Start a worker"
                        </ButtonLink>
                    }
                }
            >
                // A row is made anew when something in it has changed; the others keep focus and selection.
                <For each=move || list.get().workers key=|worker| serde_json::to_string(worker).unwrap_or_default() let:worker>
                    <WorkerRow worker admin />
                </For>
            </Table>
        </section>
    }
}

#[component]
fn WorkerRow(worker: WorkerView, admin: bool) -> impl IntoView {
    let href = format!("/workers/{}", worker.name);
    let reason = worker
        .reason
        .map(|reason| view! { <span class="muted reason">{reason.name()}</span> });
    let build = worker.active_build.map(|number| {
        view! {
            <a class="muted" href=format!("/builds/{number}")>
                {format!("builds #{number}")}
            </a>
        }
    });
    let name = worker.name.clone();
    view! {
        <tr data-worker=name>
            <Cell>
                <a href=href class="row-name">
                    {worker.name}
                </a>
                {worker.builder.then(|| view! { <span class="badge badge-builder">"builder"</span> })}
            </Cell>
            <Cell label="Status">
                <StatusPill
                    tone=Tone::from(worker.status)
                    text=worker.status.name().to_owned()
                    attr:data-status=worker.status.name()
                />
                {reason}
                {build}
            </Cell>
            <Cell label="Image">
                <span class="mono breakable">{worker.image}</span>
            </Cell>
            <Cell label="Size">{worker.size}</Cell>
            {admin.then(|| view! { <Cell label="Owner">{worker.owner}</Cell> })}
            <Cell label="Started">
                <RelativeTime ms=worker.created_ms />
            </Cell>
        </tr>
    }
}

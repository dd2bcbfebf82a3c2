use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
    params::ParamsMap,
};
use prt_types::builds::BuildStatus;

use super::{
    server_fns::{BuildPageOf, Filter, list_builds},
    table::BuildTable,
};
use crate::{
    client::live::{Change, refresh_on_change},
    components::{Button, ButtonKind, ButtonLink, Load, PageTitle},
};

const STATUSES: [BuildStatus; 6] = [
    BuildStatus::Running,
    BuildStatus::Pending,
    BuildStatus::Canceling,
    BuildStatus::Succeeded,
    BuildStatus::Failed,
    BuildStatus::Canceled,
];

/// Builds, the latest first, narrowed down by the address.
#[component]
pub fn BuildsPage() -> impl IntoView {
    let query = use_query_map();
    let filter = Memo::new(move |_| query.with(filter_of));
    let page = Resource::new_blocking(move || filter.get(), list_builds);
    view! {
        <PageTitle
            title="Builds"
            actions=|| {
                view! {
                    <ButtonLink href="/builds/new".to_owned() kind=ButtonKind::Primary>
                        "Build an image"
                    </ButtonLink>
                }
            }
        />
        <Load from=page let:page>
            <Listing page filter=filter.get_untracked() />
        </Load>
    }
}

fn filter_of(query: &ParamsMap) -> Filter {
    let filled = |name: &str| query.get(name).filter(|value| !value.is_empty());
    let status = filled("status");
    Filter {
        worker: filled("worker"),
        status: STATUSES
            .into_iter()
            .find(|known| status.as_deref() == Some(known.name())),
        before: filled("before").and_then(|number| number.parse().ok()),
    }
}

/// The address of a filter.
fn href(filter: &Filter) -> String {
    let mut query = ParamsMap::new();
    if let Some(worker) = &filter.worker {
        query.insert("worker", worker.clone());
    }
    if let Some(status) = filter.status {
        query.insert("status", status.name().to_owned());
    }
    if let Some(before) = filter.before {
        query.insert("before", before.to_string());
    }
    format!("/builds{}", query.to_query_string())
}

#[component]
fn Listing(page: BuildPageOf, filter: Filter) -> impl IntoView {
    let workers = page.workers.clone();
    let owners = page.owners;
    let page = RwSignal::new(page);
    let wanted = filter.clone();
    refresh_on_change(
        |change| matches!(change, Change::Build { .. }),
        page,
        move || list_builds(wanted.clone()),
    );
    let rows = RwSignal::new(page.with_untracked(|page| page.builds.clone()));
    Effect::new(move |_| rows.set(page.with(|page| page.builds.clone())));
    let oldest = move || page.with(|page| page.builds.last().filter(|_| page.more).map(|build| build.number));
    let older = filter.clone();
    let newest = filter.before.is_some().then(|| {
        href(&Filter {
            before: None,
            ..filter.clone()
        })
    });
    let filtered = filter != Filter::default();
    view! {
        <FilterBar filter workers />
        <section class="card">
            <BuildTable builds=rows owners filtered />
        </section>
        <nav class="pages" aria-label="Pages">
            {newest.map(|href| view! { <a href=href>"Newest builds"</a> })}
            {move || {
                oldest()
                    .map(|number| {
                        let href = href(&Filter { before: Some(number), ..older.clone() });
                        view! { <a href=href>"Older builds"</a> }
                    })
            }}
        </nav>
    }
}

/// A plain GET form: the address is the filter. With WebAssembly a choice applies at once.
#[component]
fn FilterBar(filter: Filter, workers: Vec<String>) -> impl IntoView {
    let navigate = use_navigate();
    let chosen = StoredValue::new(Filter {
        before: None,
        ..filter.clone()
    });
    let go = move |change: &dyn Fn(&mut Filter)| {
        chosen.update_value(|filter| change(filter));
        navigate(
            &chosen.with_value(href),
            NavigateOptions {
                scroll: false,
                ..NavigateOptions::default()
            },
        );
    };
    let go_status = go.clone();
    let statuses = STATUSES
        .into_iter()
        .map(|status| {
            view! {
                <option value=status.name() selected=filter.status == Some(status)>
                    {status.name()}
                </option>
            }
        })
        .collect_view();
    let workers = workers
        .into_iter()
        .map(|name| {
            let selected = filter.worker.as_ref() == Some(&name);
            view! {
                <option value=name.clone() selected=selected>
                    {name.clone()}
                </option>
            }
        })
        .collect_view();
    view! {
        <form method="get" action="/builds" class="filters">
            <label>
                "Status"
                <select
                    name="status"
                    class="input"
                    on:change=move |event| {
                        let value = event_target_value(&event);
                        go_status(&|filter| filter.status = STATUSES.into_iter().find(|known| known.name() == value));
                    }
                >
                    <option value="">"All"</option>
                    {statuses}
                </select>
            </label>
            <label>
                "Worker"
                <select
                    name="worker"
                    class="input"
                    on:change=move |event| {
                        let value = event_target_value(&event);
                        go(&|filter| filter.worker = Some(value.clone()).filter(|value| !value.is_empty()));
                    }
                >
                    <option value="">"All"</option>
                    {workers}
                </select>
            </label>
            <span class="plain-only">
                <Button small=true>"Filter"</Button>
            </span>
        </form>
    }
}

use leptos::prelude::*;
use prt_types::worker_sizes::{WorkerSizeDetail, decimal};

use super::{LIST, server_fns::worker_sizes};
use crate::{
    client::live::{Change, refresh_on_change},
    components::{ButtonKind, ButtonLink, Card, Cell, Column, Crumb, Load, PageTitle, Table},
    pages::infrastructure::container_images::Access,
};

/// All sizes.
#[component]
pub fn WorkerSizesPage() -> impl IntoView {
    let sizes = Resource::new_blocking(|| (), |()| worker_sizes());
    let add = || {
        view! {
            <ButtonLink kind=ButtonKind::Primary href=format!("{LIST}/new")>
                "Add a Worker Size"
            </ButtonLink>
        }
    };
    view! {
        <Load from=sizes let:sizes>
            <PageTitle title="Worker Sizes" crumbs=vec![Crumb::text("Infrastructure")] actions=add />
            <p class="lead">
                "What a worker gets from the machine, and who may take it. Net is what its containers share; the rest is reserve."
            </p>
            <SizeTable sizes />
        </Load>
    }
}

#[component]
fn SizeTable(sizes: Vec<WorkerSizeDetail>) -> impl IntoView {
    let sizes = RwSignal::new(sizes);
    refresh_on_change(
        |change| matches!(change, Change::WorkerSizes | Change::Worker { .. }),
        sizes,
        worker_sizes,
    );
    let columns = vec![
        "Name".into(),
        Column::number("CPU"),
        Column::number("Memory"),
        Column::number("GPUs"),
        "Security context".into(),
        "Access".into(),
        Column::number("Workers"),
    ];
    let when_empty = || {
        view! {
            <p>"There is no size: nobody can start a worker."</p>
            <ButtonLink href=format!("{LIST}/new")>"Add the first one"</ButtonLink>
        }
    };
    view! {
        <Card title="Sizes" subtitle="by CPU and memory">
            <Table
                label="Worker Sizes"
                columns=columns
                empty=Signal::derive(move || sizes.with(Vec::is_empty))
                when_empty=when_empty
            >
                <For
                    each=move || sizes.get()
                    key=|one| (one.size.id, one.revision, one.workers.len(), one.groups.len(), one.users.len())
                    let:one
                >
                    <SizeRow one />
                </For>
            </Table>
        </Card>
    }
}

#[component]
fn SizeRow(one: WorkerSizeDetail) -> impl IntoView {
    let WorkerSizeDetail {
        size,
        users,
        groups,
        workers,
        ..
    } = one;
    let gpus = match (size.gpus, size.gpu_vram_gib) {
        (0, _) => "none".to_owned(),
        (gpus, 0) => gpus.to_string(),
        (gpus, vram) => format!("{gpus}, {vram} GB"),
    };
    view! {
        <tr>
            <Cell>
                <a class="row-name" href=format!("{LIST}/{}", size.id)>
                    {size.name}
                </a>
                {size.default.then(|| view! { <div class="muted">"Default"</div> })}
            </Cell>
            <Cell label="CPU" number=true>
                {decimal(size.cpu_millis, 1000)}
                <div class="muted">{format!("net {} m", size.cpu_net_millis)}</div>
            </Cell>
            <Cell label="Memory" number=true>
                {format!("{} GB", decimal(size.memory_mib, 1024))}
                <div class="muted">{format!("net {} MB", size.memory_net_mib)}</div>
            </Cell>
            <Cell label="GPUs" number=true>
                {gpus}
            </Cell>
            <Cell label="Security context">
                <a href=format!("/infrastructure/security-contexts/{}", size.security_context.name())>
                    {size.security_context.name().to_owned()}
                </a>
            </Cell>
            <Cell label="Access">
                <Access users groups />
            </Cell>
            <Cell label="Workers" number=true>
                {workers.len()}
            </Cell>
        </tr>
    }
}

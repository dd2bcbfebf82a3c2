use leptos::prelude::*;
use prt_types::security_contexts::SecurityContextView;

use super::{LIST, server_fns::security_contexts, shown::Level};
use crate::{
    client::live::{Change, refresh_on_change},
    components::{ButtonKind, ButtonLink, Card, Cell, Crumb, Load, PageTitle, Table},
};

/// All security contexts.
#[component]
pub fn SecurityContextsPage() -> impl IntoView {
    let contexts = Resource::new_blocking(|| (), |()| security_contexts());
    let add = || {
        view! {
            <ButtonLink kind=ButtonKind::Primary href=format!("{LIST}/new")>
                "Add a Security Context"
            </ButtonLink>
        }
    };
    view! {
        <Load from=contexts let:contexts>
            <PageTitle title="Security Contexts" crumbs=vec![Crumb::text("Infrastructure")] actions=add />
            <p class="lead">
                "What a worker's containers may do. A worker size names one; its page shows what the engine gets, word for word."
            </p>
            <ContextTable contexts />
        </Load>
    }
}

#[component]
fn ContextTable(contexts: Vec<SecurityContextView>) -> impl IntoView {
    let contexts = RwSignal::new(contexts);
    refresh_on_change(
        |change| matches!(change, Change::SecurityContexts | Change::WorkerSizes),
        contexts,
        security_contexts,
    );
    let columns = vec![
        "Name".into(),
        "Pod Security".into(),
        "Builder's Pod Security".into(),
        "User".into(),
        "Worker sizes".into(),
    ];
    view! {
        <Card title="Security contexts" subtitle="built-in ones first">
            <Table label="Security Contexts" columns=columns>
                <For
                    each=move || contexts.get()
                    key=|one| (one.name.clone(), one.revision, one.sizes.len())
                    let:one
                >
                    <ContextRow one />
                </For>
            </Table>
        </Card>
    }
}

#[component]
fn ContextRow(one: SecurityContextView) -> impl IntoView {
    let sizes: Vec<String> = one.sizes.into_iter().map(|one| one.size).collect();
    let sizes = if sizes.is_empty() {
        view! { <span class="muted">"none"</span> }.into_any()
    } else {
        view! { <span>{sizes.join(", ")}</span> }.into_any()
    };
    let user = one
        .rights
        .run_as_user
        .map_or_else(|| "the image's".to_owned(), |uid| uid.to_string());
    view! {
        <tr>
            <Cell>
                <a class="row-name" href=format!("{LIST}/{}", one.name)>
                    {one.name.clone()}
                </a>
                <div class="muted">{if one.built_in { format!("Built in. {}", one.description) } else { one.description }}</div>
            </Cell>
            <Cell label="Pod Security">
                <Level level=one.primary.level />
            </Cell>
            <Cell label="Builder's Pod Security">
                <Level level=one.builder.level />
            </Cell>
            <Cell label="User">{user}</Cell>
            <Cell label="Worker sizes">{sizes}</Cell>
        </tr>
    }
}

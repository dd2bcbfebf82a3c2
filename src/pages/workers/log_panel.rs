use leptos::{either::Either, prelude::*};
use leptos_router::hooks::use_query_map;
use prt_types::workers::ContainerRole;

use super::server_fns::worker_log;
use crate::{
    components::{Button, Card, log_view::PlainLines},
    error::AppError,
};

/// The log of one of a worker's containers, and which one.
#[derive(Clone, Copy)]
pub struct ContainerLog {
    role: Memo<ContainerRole>,
    text: Resource<Result<String, AppError>>,
}

/// The log that the address asks for: `?log=builder`.
pub fn container_log(worker: Memo<String>) -> ContainerLog {
    let query = use_query_map();
    let role = Memo::new(move |_| match query.with(|query| query.get("log")).as_deref() {
        Some("builder") => ContainerRole::Builder,
        _ => ContainerRole::Primary,
    });
    let text = Resource::new_blocking(
        move || (worker.get(), role.get()),
        |(worker, role)| worker_log(worker, role),
    );
    ContainerLog { role, text }
}

/// The end of a container's own output, as it was at the last look.
#[component]
pub fn LogPanel(name: String, roles: Vec<ContainerRole>, log: ContainerLog) -> impl IntoView {
    let ContainerLog { role, text: log } = log;
    let name = StoredValue::new(name);
    let looking = RwSignal::new(false);
    Effect::new(move |_| {
        log.track();
        looking.set(false);
    });
    let tabs = move || {
        roles
            .iter()
            .map(|known| {
                let known = *known;
                let text = match known {
                    ContainerRole::Primary => "Primary",
                    ContainerRole::Builder => "Builder",
                };
                view! {
                    <a
                        href=format!("/workers/{}?log={}", name.get_value(), known.name())
                        aria-current=move || (role.get() == known).then_some("true")
                        data-noscroll="true"
                    >
                        {text}
                    </a>
                }
            })
            .collect_view()
    };
    let actions = move || {
        view! {
            <nav class="tabs tabs-small" aria-label="Logs of">
                {tabs()}
            </nav>
            <Button
                small=true
                submit=false
                busy=looking
                on:click=move |_| {
                    looking.set(true);
                    log.refetch();
                }
            >
                "Refresh"
            </Button>
        }
    };
    view! {
        <Card title="Logs" actions>
            <Transition fallback=|| view! { <p class="loading muted">"Loading…"</p> }>
                {move || Suspend::new(async move {
                    match log.await {
                        Ok(text) => Either::Left(view! { <PlainLines text label="Container log" /> }),
                        Err(error) => Either::Right(view! { <p class="log-empty">{error.to_string()}</p> }),
                    }
                })}
            </Transition>
        </Card>
    }
}

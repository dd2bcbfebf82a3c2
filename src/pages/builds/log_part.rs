use leptos::{prelude::*, task::spawn_local};
use leptos_router::{NavigateOptions, hooks::use_navigate};
use prt_types::builds::BuildView;

use super::server_fns::load_build;
use crate::{
    client::Link,
    components::{
        Glyph, Icon,
        log_view::{LogView, model::LogModel},
    },
};

/// Lines after the one that is looked for, when a part of a long log is loaded.
const AFTER: u64 = 1000;

/// The log of a build with what can be done with it.
#[component]
pub fn LogPart(
    number: i64,
    model: RwSignal<LogModel>,
    link: RwSignal<Link>,
    view: RwSignal<BuildView>,
) -> impl IntoView {
    let start_ms = view.with_untracked(|view| view.started_ms.unwrap_or(view.created_ms));
    let look = model.with_untracked(|model| model.view);
    let first = move || model.with(LogModel::first_line).unwrap_or(1);
    let address = move |before: u64| match look.step {
        Some(step) => format!("/builds/{number}?step={step}&before={before}"),
        None => format!("/builds/{number}?before={before}"),
    };
    let earlier_href = Signal::derive(move || address(first()));
    let loading = RwSignal::new(false);
    let on_earlier = Callback::new(move |()| {
        if loading.get_untracked() {
            return;
        }
        loading.set(true);
        let before = model.with_untracked(LogModel::first_line).unwrap_or(1);
        spawn_local(async move {
            if let Ok(detail) = load_build(number, look.step, Some(before)).await {
                model.try_update(|model| model.prepend(detail.log));
            }
            loading.try_set(false);
        });
    });
    let navigate = use_navigate();
    let on_missing_line = Callback::new(move |line: u64| {
        // Further than the log goes, or loaded and filtered out: there is nothing to go to.
        let (lines, first) = model.with_untracked(|model| (model.lines, model.first_line().unwrap_or(1)));
        if line <= lines && line < first && look.before.is_none() {
            let options = NavigateOptions {
                replace: true,
                scroll: false,
                ..NavigateOptions::default()
            };
            navigate(&format!("{}#L{line}", address(line + AFTER)), options);
        }
    });
    let latest = look.before.map(|before| {
        let href = match look.step {
            Some(step) => format!("/builds/{number}?step={step}"),
            None => format!("/builds/{number}"),
        };
        view! {
            <p class="log-past">
                {format!("These are lines before {before}. ")} <a href=href>"Go to the latest lines"</a>
            </p>
        }
    });
    let running = move || model.with(|model| model.end.is_none());
    view! {
        <section class="card log-section" aria-label="Log">
            {latest}
            <Show when=running>
                <p class="log-past plain-only">
                    "This is the log as of now. " <a href=format!("/builds/{number}")>"Load it again"</a>
                </p>
            </Show>
            <LogView
                model
                link
                start_ms
                earlier_href
                on_earlier
                on_missing_line
                actions=move || {
                    view! {
                        <CopyLog number />
                        <a class="button button-small" href=format!("/api/v1/builds/{number}/log?download=1") download="" rel="external">
                            <Icon glyph=Glyph::Download />
                            "Download"
                        </a>
                    }
                }
            />
        </section>
    }
}

/// Copies the whole log, also what is not in the page.
#[component]
fn CopyLog(number: i64) -> impl IntoView {
    let state = RwSignal::new("Copy");
    let copy = move |_| {
        state.set("Copying…");
        spawn_local(async move {
            let copied = crate::client::copy_from(&format!("/api/v1/builds/{number}/log")).await;
            state.try_set(if copied { "Copied" } else { "Not copied" });
            set_timeout(
                move || {
                    state.try_set("Copy");
                },
                std::time::Duration::from_secs(2),
            );
        });
    };
    view! {
        <button type="button" class="button button-small js-only" on:click=copy aria-label="Copy the log">
            <Icon glyph=Glyph::Copy />
            <span role="status">{move || state.get()}</span>
        </button>
    }
}

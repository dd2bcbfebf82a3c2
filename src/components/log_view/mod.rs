//! The log of a build: rendered by the server as it is, then followed by the browser.
//!
//! Without WebAssembly it is a scrolling list of lines. With it only the lines in sight exist in the page, whatever the length of the
//! log, and the view follows the end until the reader scrolls away from it.

pub mod ansi;
mod follow;
mod geometry;
pub mod model;
mod plain_lines;
mod row;
pub mod window;

pub use plain_lines::PlainLines;

use leptos::{children::ViewFn, html, prelude::*};

use self::{
    follow::Scroller,
    geometry::{Geometry, Viewport},
    model::{Entry, LogModel},
    row::LogRow,
    window::Window,
};
use crate::client::Link;

/// Rows kept above and below those in sight, so that scrolling finds them there.
const OVERSCAN: usize = 20;

/// The log with its switches.
#[component]
pub fn LogView(
    /// Lines and steps; grows.
    model: RwSignal<LogModel>,
    /// How the stream is doing.
    #[prop(into)]
    link: Signal<Link>,
    /// Times are counted from here.
    #[prop(into)]
    start_ms: i64,
    /// Where the lines before the first one here are, for browsers without WebAssembly.
    #[prop(into)]
    earlier_href: Signal<String>,
    /// Gets the lines before the first one here.
    on_earlier: Callback<()>,
    /// Called when the address names a line that is not here.
    on_missing_line: Callback<u64>,
    /// Buttons of the page's own.
    #[prop(optional, into)]
    actions: ViewFn,
) -> impl IntoView {
    // What the server rendered stays until the browser has taken it over.
    let live = RwSignal::new(false);
    let wrap = RwSignal::new(false);
    let selected = RwSignal::new(None::<u64>);
    let viewport = RwSignal::new(Viewport::default());
    // A log that ended well is read from its beginning, any other from its end.
    let follow = RwSignal::new(model.with_untracked(|model| {
        model.view.before.is_none()
            && model
                .end
                .as_ref()
                .is_none_or(|end| end.status != prt_types::builds::BuildStatus::Succeeded)
    }));

    let geometry = StoredValue::new(Geometry::default());
    let shown = Memo::new(move |_| {
        model.with(|model| {
            if !live.get() {
                return Window {
                    end: model.entries.len(),
                    ..Window::default()
                };
            }
            let viewport = viewport.get();
            let columns = wrap.get().then_some(viewport.columns);
            let follow = follow.get();
            geometry
                .try_update_value(|geometry| geometry.window(model, columns, viewport, follow, OVERSCAN))
                .unwrap_or_default()
        })
    });
    let rows = move || {
        let window = shown.get();
        model.with_untracked(|model| {
            let end = window.end.min(model.entries.len());
            model.entries[window.first.min(end)..end].to_vec()
        })
    };

    let scroller = Scroller {
        frame: NodeRef::<html::Div>::new(),
        above: NodeRef::<html::Div>::new(),
        below: NodeRef::<html::Div>::new(),
        probe: NodeRef::<html::Span>::new(),
        viewport,
        follow,
        selected,
    };
    scroller.run(model, geometry, shown, live, wrap, on_missing_line);

    let earlier = Memo::new(move |_| model.with(|model| model.earlier));
    let empty = move || model.with(|model| model.entries.is_empty());
    let empty_text = move || {
        if model.with(|model| model.end.is_some()) {
            "Nothing was printed."
        } else {
            "Waiting for the first line."
        }
    };
    let announce = Memo::new(move |_| model.with(announcement));

    view! {
        <div class="log-card">
            <div class="log-bar">
                <LinkState link model />
                <span class="grow"></span>
                <label class="toggle">
                    <input type="checkbox" class="log-switch-time" />
                    "Time"
                </label>
                <label class="toggle">
                    <input
                        type="checkbox"
                        class="log-switch-wrap"
                        prop:checked=wrap
                        on:change=move |event| wrap.set(event_target_checked(&event))
                    />
                    "Wrap"
                </label>
                <label class="toggle js-only">
                    <input
                        type="checkbox"
                        prop:checked=follow
                        on:change=move |event| {
                            follow.set(event_target_checked(&event));
                        }
                    />
                    "Follow"
                </label>
                {actions.run()}
            </div>
            <p class="sr-only" role="status">
                {announce}
            </p>
            <div
                class="log"
                role="log"
                aria-live="off"
                aria-label="Build log"
                tabindex="0"
                data-seq=move || model.with(|model| model.last_seq)
                data-lines=move || model.with(|model| model.lines)
                node_ref=scroller.frame
                on:scroll=move |_| scroller.scrolled()
            >
                <div class="log-inner">
                    <Show when=move || { earlier.get() > 0 }>
                        <a
                            class="log-earlier"
                            rel="external"
                            href=move || earlier_href.get()
                            on:click=move |event| {
                                event.prevent_default();
                                on_earlier.run(());
                            }
                        >
                            {move || format!("Show earlier lines ({} more)", earlier.get())}
                        </a>
                    </Show>
                    <Show when=empty>
                        <p class="log-empty">{empty_text}</p>
                    </Show>
                    <div node_ref=scroller.above></div>
                    <For each=rows key=Entry::key let:entry>
                        <LogRow entry selected start_ms on_select=Callback::new(move |line| scroller.select(line)) />
                    </For>
                    <div node_ref=scroller.below></div>
                    <div class="log-row log-probe" aria-hidden="true">
                        <span class="log-no">"0"</span>
                        <span class="log-step">"0"</span>
                        <span class="log-time">"0"</span>
                        <span class="log-text">
                            <span node_ref=scroller.probe>"0000000000"</span>
                        </span>
                    </div>
                </div>
            </div>
        </div>
    }
}

/// Says when lines may be missing because the connection was lost.
#[component]
fn LinkState(#[prop(into)] link: Signal<Link>, model: RwSignal<LogModel>) -> impl IntoView {
    let text = move || match link.get() {
        Link::Reconnecting => "Reconnecting…",
        Link::Open => "Live",
        Link::Connecting | Link::Idle => "",
    };
    let class = move || match link.get() {
        Link::Reconnecting => "log-link log-link-lost",
        Link::Open => "log-link log-link-open",
        Link::Connecting | Link::Idle => "log-link",
    };
    let lines = move || match model.with(|model| model.lines) {
        0 => String::new(),
        1 => "1 line".to_owned(),
        lines => format!("{lines} lines"),
    };
    view! {
        <span class="muted log-count">{lines}</span>
        <span class=class role="status">
            {text}
        </span>
    }
}

/// For screen readers: steps and the end, not each line.
fn announcement(model: &LogModel) -> String {
    if let Some(end) = &model.end {
        return format!("Build {}. {}", end.status.name(), end.message);
    }
    let running = model
        .steps
        .iter()
        .rev()
        .find(|row| row.step.state == prt_types::build_events::StepState::Running);
    running.map_or_else(String::new, |row| format!("Running: {}", ansi::plain(&row.step.name)))
}

//! The steps of a build: what is going on, what was done, what took how long.

use leptos::prelude::*;
use prt_types::build_events::StepState;

use super::{
    Glyph, Icon,
    log_view::{
        ansi,
        model::{LogModel, StepRow},
    },
    time::duration_text,
    use_now,
};

fn word(state: StepState) -> &'static str {
    match state {
        StepState::Waiting => "waiting",
        StepState::Running => "running",
        StepState::Cached => "cached",
        StepState::Done => "done",
        StepState::Failed => "failed",
        StepState::Canceled => "canceled",
    }
}

fn glyph(state: StepState) -> Glyph {
    match state {
        StepState::Waiting => Glyph::Circle,
        StepState::Running => Glyph::Spinner,
        StepState::Cached => Glyph::Bolt,
        StepState::Done => Glyph::Check,
        StepState::Failed => Glyph::Cross,
        StepState::Canceled => Glyph::Stop,
    }
}

/// All steps; each links to its own lines.
#[component]
pub fn StepTree(
    /// Where the steps come from.
    model: RwSignal<LogModel>,
    /// The address of a step's lines, or of all lines.
    href: fn(i64, Option<u32>) -> String,
    /// The build's number.
    number: i64,
) -> impl IntoView {
    let selected = model.with_untracked(|model| model.view.step);
    let version = Memo::new(move |_| model.with(|model| model.steps_version));
    let steps = Memo::new(move |_| {
        // Read, not only tracked: a memo that nobody has read does not know what it depends on.
        version.get();
        model.with_untracked(LogModel::order)
    });
    let empty = move || steps.with(Vec::is_empty);
    let ended = move || model.with(|model| model.end.is_some());
    view! {
        <ol class="steps" aria-label="Steps">
            <For each=move || steps.get() key=|step| *step let:step>
                <StepItem model version step current=selected == Some(step) href=href(number, (selected != Some(step)).then_some(step)) />
            </For>
        </ol>
        <Show when=empty>
            <p class="steps-empty muted">
                {move || if ended() { "The build ended before its first step." } else { "Waiting for the builder." }}
            </p>
        </Show>
        {selected
            .map(|step| {
                view! {
                    <p class="steps-filter">
                        {format!("Only the lines of step {step} are shown. ")} <a href=href(number, None) data-noscroll="true">
                            "Show all lines"
                        </a>
                    </p>
                }
            })}
    }
}

#[component]
fn StepItem(model: RwSignal<LogModel>, version: Memo<u64>, step: u32, current: bool, href: String) -> impl IntoView {
    let now = use_now();
    let row = Memo::new(move |_| {
        // Read, not only tracked: a memo that nobody has read does not know what it depends on.
        version.get();
        model.with_untracked(|model| model.row(step).cloned())
    });
    let name =
        Memo::new(move |_| row.with(|row| row.as_ref().map(|row| ansi::plain(&row.step.name)).unwrap_or_default()));
    let state = Memo::new(move |_| row.with(|row| row.as_ref().map_or(StepState::Waiting, |row| row.step.state)));
    let warnings = Memo::new(move |_| row.with(|row| row.as_ref().map_or(0, |row| row.warnings)));
    let time = move || {
        row.with(|row| {
            let took = row.as_ref().and_then(|row| took(row, now.get()));
            match (took, state.get()) {
                (_, StepState::Cached) => String::new(),
                (Some(took), StepState::Failed | StepState::Canceled) => {
                    format!("{} {}", word(state.get()), duration_text(took))
                }
                (Some(took), _) => duration_text(took),
                (None, state) => word(state).to_owned(),
            }
        })
    };
    let bar = move || {
        row.with(|row| {
            let row = row.as_ref()?;
            // Until the browser's clock is known, time stands at what the build has told.
            let now = now.get().unwrap_or_default();
            let (start, end) = model.with_untracked(|model| model.span(now))?;
            let scale = 100.0 / (end - start) as f64;
            let from = row.step.started_ms? - start;
            let took = row.took_ms(now).unwrap_or(0);
            let width = (took as f64 * scale).max(0.8);
            Some((format!("{:.2}", (from as f64 * scale).min(99.2)), format!("{width:.2}")))
        })
        .unwrap_or_else(|| ("0".to_owned(), "0".to_owned()))
    };
    let transfer = move || {
        (state.get() == StepState::Running)
            .then(|| row.with(|row| row.as_ref().and_then(StepRow::transferred)))
            .flatten()
    };
    view! {
        <li
            class=move || format!("step step-{}", word(state.get()))
            data-step=step
            data-state=move || word(state.get())
            aria-current=current.then_some("step")
        >
            <a href=href data-noscroll="true" title=move || name.get()>
                {move || view! { <Icon glyph=glyph(state.get()) /> }}
                <span class="step-name mono">
                    <span class="sr-only">{move || format!("{}: ", word(state.get()))}</span>
                    {name}
                </span>
                {move || (state.get() == StepState::Cached).then(|| view! { <span class="badge">"cached"</span> })}
                {move || {
                    (warnings.get() > 0)
                        .then(|| view! { <span class="badge badge-warn">{warnings_text(warnings.get())}</span> })
                }}
                <span class="step-time num">{time}</span>
                <svg class="step-bar" viewBox="0 0 100 3" preserveAspectRatio="none" aria-hidden="true">
                    <rect class="step-bar-back" width="100" height="3"></rect>
                    <rect class="step-bar-part" x=move || bar().0 width=move || bar().1 height="3"></rect>
                </svg>
                {move || {
                    transfer()
                        .map(|(current, total)| {
                            let text = format!("{} of {}", bytes_text(current), bytes_text(total));
                            view! {
                                <span class="step-transfer">
                                    <progress max=total value=current aria-label="Transferred"></progress>
                                    <span class="num">{text}</span>
                                </span>
                            }
                        })
                }}
            </a>
        </li>
    }
}

fn warnings_text(count: u32) -> String {
    if count == 1 {
        "1 warning".to_owned()
    } else {
        format!("{count} warnings")
    }
}

/// A step that runs has no duration before the browser's clock is known.
fn took(row: &StepRow, now: Option<i64>) -> Option<i64> {
    match (row.step.state, now) {
        (StepState::Running, None) => None,
        (_, now) => row.took_ms(now.unwrap_or_default()),
    }
}

/// `512 B`, `4.2 kB`, `33.2 MB`: decimal, as registries count.
pub fn bytes_text(bytes: i64) -> String {
    let bytes = bytes.max(0);
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(
            [0, 999, 1000, 33_210_000, 2_500_000_000].map(bytes_text),
            ["0 B", "999 B", "1.0 kB", "33.2 MB", "2.50 GB"]
        );
    }
}

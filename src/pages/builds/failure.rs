use leptos::prelude::*;
use prt_types::builds::{BuildStatus, BuildView};

use crate::components::{Note, NoteTone, log_view::ansi};

/// Why a build failed or was canceled, how its canceling goes, and the Dockerfile that it ran.
#[component]
pub fn Failure(view: RwSignal<BuildView>) -> impl IntoView {
    let failed = Memo::new(move |_| view.with(|view| view.status == BuildStatus::Failed));
    let canceled = Memo::new(move |_| {
        view.with(|view| {
            matches!(view.status, BuildStatus::Canceling | BuildStatus::Canceled) && !view.message.is_empty()
        })
    });
    view! {
        <Show when=move || canceled.get()>
            <Note>{move || view.with(|view| view.message.clone())}</Note>
        </Show>
        <Show when=move || failed.get()>
            <Note tone=NoteTone::Bad>
                <p class="note-title">
                    {move || view.with(|view| view.reason.map(|reason| format!("{}: ", reason.name())))}
                    <span class="message">{move || view.with(|view| ansi::plain(&view.message))}</span>
                </p>
                {move || {
                    view.with(|view| view.step.clone())
                        .map(|step| view! { <p>"In the step " <code>{ansi::plain(&step)}</code></p> })
                }}
                <DockerfileText view />
            </Note>
        </Show>
    }
}

#[component]
fn DockerfileText(view: RwSignal<BuildView>) -> impl IntoView {
    move || {
        let (text, step) = view.with(|view| (view.dockerfile_text.clone(), view.step.clone()));
        (!text.is_empty()).then(|| {
            let failing = step.and_then(|step| failing_line(&text, &step));
            let lines = text
                .lines()
                .enumerate()
                .map(|(at, line)| {
                    view! {
                        <span class="dockerfile-line" class:dockerfile-bad=failing == Some(at)>
                            {ansi::plain(line)}
                            "\n"
                        </span>
                    }
                })
                .collect_view();
            view! {
                <details class="more">
                    <summary>"The Dockerfile as it was built"</summary>
                    <pre class="dockerfile" tabindex="0">
                        {lines}
                    </pre>
                </details>
            }
        })
    }
}

/// The line that a step's name quotes, `[3/5] RUN make`, if there is exactly one. Names have blanks folded and variables filled in,
/// so this finds plain lines only.
fn failing_line(text: &str, step: &str) -> Option<usize> {
    let command = step.split_once("] ").map_or(step, |(_, command)| command);
    let fold = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let wanted = fold(command);
    let mut found = text.lines().enumerate().filter(|(_, line)| {
        let line = fold(line.trim_end_matches('\\'));
        !line.is_empty() && (line == wanted || (wanted.starts_with(&line) && line.len() > 12))
    });
    let (at, _) = found.next()?;
    found.next().is_none().then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_failing_line_is_found_when_it_is_plain() {
        let text = "FROM busybox\nCOPY a /a\nRUN  make \\\n  all the things\nRUN false\n";
        assert_eq!(failing_line(text, "[4/4] RUN false"), Some(4));
        assert_eq!(failing_line(text, "[2/4] COPY a /a"), Some(1));
        assert_eq!(failing_line("RUN a\nRUN a\n", "[1/2] RUN a"), None);
        assert_eq!(failing_line(text, "[1/4] RUN other"), None);
    }
}

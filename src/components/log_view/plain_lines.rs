use leptos::prelude::*;

use super::{ansi::spans, row::span_view};

/// A short log as it is: the end of a container's output, a Dockerfile.
#[component]
pub fn PlainLines(
    /// The text; the last thousand lines of it are shown.
    text: String,
    /// What it is, for screen readers.
    label: &'static str,
) -> impl IntoView {
    const MOST: usize = 1000;
    let count = text.lines().count();
    let rows = text
        .lines()
        .skip(count.saturating_sub(MOST))
        .map(|line| {
            let spans = spans(line).into_iter().map(span_view).collect_view();
            view! {
                <div class="log-row">
                    <span class="log-text">{spans}</span>
                </div>
            }
        })
        .collect_view();
    let empty = (count == 0).then(|| view! { <p class="log-empty">"Nothing was printed."</p> });
    view! {
        <div class="log log-short" tabindex="0" role="region" aria-label=label>
            <div class="log-inner">{rows} {empty}</div>
        </div>
    }
}

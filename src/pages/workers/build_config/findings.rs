use leptos::{html, prelude::*};
use prt_types::build_config::{Finding, Severity};

use crate::components::{StatusPill, Tone, select_line};

/// What is said about a configuration. With an editor, its lines can be gone to.
#[component]
pub fn Findings(
    findings: Vec<Finding>,
    /// The editor that holds the text.
    #[prop(optional)]
    area: Option<NodeRef<html::Textarea>>,
) -> impl IntoView {
    let rows = findings
        .into_iter()
        .map(|finding| {
            let tone = match finding.severity {
                Severity::Error => Tone::Bad,
                Severity::Warning => Tone::Warn,
                Severity::Notice => Tone::Idle,
            };
            let place = match (finding.line, finding.column) {
                (Some(line), Some(column)) => format!("line {line}, column {column}"),
                (Some(line), None) => format!("line {line}"),
                (None, _) => String::new(),
            };
            let place = match (area, finding.line) {
                (Some(area), Some(line)) => view! {
                    <button type="button" on:click=move |_| select_line(area, line)>
                        {place}
                    </button>
                    ": "
                }
                .into_any(),
                (_, Some(_)) => format!("{place}: ").into_any(),
                (_, None) => ().into_any(),
            };
            view! {
                <li>
                    <StatusPill tone text=finding.severity.name() />
                    <span>{place} {finding.message}</span>
                </li>
            }
        })
        .collect_view();
    view! { <ul class="findings">{rows}</ul> }
}

//! Infrastructure / Retention: how long things are stored, and what would go now.

mod server_fns;

use leptos::prelude::*;
use prt_types::{
    ApiError,
    retention::{Amount, RetentionKind, RetentionRule, RetentionRun, RetentionView},
};

use self::server_fns::{RUN, RunRetention, retention};
use crate::{
    components::{
        Button, ButtonKind, Card, Cell, Column, ConfirmDialog, ConfirmLink, Crumb, Form, Load, Note, NoteTone,
        PageTitle, RelativeTime, Table,
    },
    forms::form_state,
};

#[component]
pub fn RetentionPage() -> impl IntoView {
    let run = ServerAction::<RunRetention>::new();
    let data = Resource::new_blocking(move || run.version().get(), |_| retention());
    let draft = form_state::<()>(RUN);
    view! {
        <Load from=data let:view>
            <Rules view=view.clone() />
            <Suspense>
                {move || {
                    let rules = view.rules.clone();
                    Suspend::new(async move {
                        let error = draft.await.map(|draft| draft.error);
                        view! { <RunDialog rules run error /> }
                    })
                }}
            </Suspense>
        </Load>
    }
}

/// `3.4 MiB`.
fn size(bytes: i64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // One decimal in whole numbers: the same on the server and in the browser.
    let (mut tenths, mut unit) = (bytes.saturating_mul(10) / 1024, 0);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        (tenths, unit) = (tenths / 1024, unit + 1);
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

fn amount(kind: RetentionKind, amount: Amount) -> String {
    let about = if kind == RetentionKind::BuildLogs { "" } else { "about " };
    match amount.count {
        0 => "None".to_owned(),
        count => format!("{count}, {about}{}", size(amount.bytes)),
    }
}

#[component]
fn Rules(view: RetentionView) -> impl IntoView {
    let any = view.rules.iter().any(|rule| rule.due.count > 0);
    let actions = move || {
        any.then(|| {
            view! {
                <ConfirmLink name="run" kind=ButtonKind::Plain>
                    "Run now"
                </ConfirmLink>
            }
        })
    };
    let columns: Vec<Column> = vec!["Kind".into(), "Rule".into(), "Stored".into(), "Would go now".into()];
    let rows = view.rules.into_iter().map(|rule| view! { <Row rule /> }).collect_view();
    view! {
        <PageTitle title="Retention" crumbs=vec![Crumb::text("Infrastructure")] actions=move || actions />
        <p class="lead">
            "The console deletes what is older than its rule, once an hour. The rules are settings of the console (retention_…). Pinned builds, running builds and workers, and valid tokens are never deleted."
        </p>
        {view.last_run.map(|run| view! { <LastRun run /> })}
        <Card title="Rules">
            <Table label="Retention rules" columns>
                {rows}
            </Table>
        </Card>
    }
}

#[component]
fn Row(rule: RetentionRule) -> impl IntoView {
    let RetentionRule {
        kind,
        rule,
        stored,
        due,
        ..
    } = rule;
    view! {
        <tr data-kind=kind.word()>
            <Cell>
                <strong>{kind.name()}</strong>
            </Cell>
            <Cell label="Rule">{rule}</Cell>
            <Cell label="Stored">{amount(kind, stored)}</Cell>
            <Cell label="Would go now">{amount(kind, due)}</Cell>
        </tr>
    }
}

#[component]
fn LastRun(run: RetentionRun) -> impl IntoView {
    let words = match run.deleted.as_slice() {
        [] => "nothing".to_owned(),
        deleted => {
            let kinds: Vec<String> = deleted
                .iter()
                .map(|one| format!("{}: {}", one.kind.name(), one.amount.count))
                .collect();
            kinds.join(", ")
        }
    };
    view! {
        <Note>
            "The last run, " <RelativeTime ms=run.at_ms /> ", deleted: " {words}
        </Note>
    }
}

#[component]
fn RunDialog(
    rules: Vec<RetentionRule>,
    run: ServerAction<RunRetention>,
    #[prop(optional_no_strip)] error: Option<ApiError>,
) -> impl IntoView {
    let due: Vec<(RetentionKind, Amount)> = rules
        .into_iter()
        .filter(|rule| rule.due.count > 0)
        .map(|rule| (rule.kind, rule.due))
        .collect();
    let (due, error) = (StoredValue::new(due), StoredValue::new(error));
    view! {
        <ConfirmDialog name="run" title="Delete what is older than its rule?">
            <ul>
                {due
                    .get_value()
                    .into_iter()
                    .map(|(kind, due)| view! { <li>{format!("{}: {}", kind.name(), amount(kind, due))}</li> })
                    .collect_view()}
            </ul>
            <Note tone=NoteTone::Warn>"This cannot be undone."</Note>
            <Form action=run prefix="" error=error.get_value()>
                <div class="form-actions">
                    <Button kind=ButtonKind::Danger busy=run.pending()>
                        "Delete now"
                    </Button>
                </div>
            </Form>
        </ConfirmDialog>
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_one_decimal() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (5 * 1024 * 1024, "5.0 MiB"),
            (3 << 40, "3.0 TiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}

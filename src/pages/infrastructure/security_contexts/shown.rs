//! What a security context produces, as the engine gets it.

use leptos::prelude::*;
use prt_types::security_contexts::{ContainerSecurity, PodSecurityLevel, SecurityContextUse, SecurityContextView};

use crate::components::{Card, Cell, Note, NoteTone, StatusPill, Table, Tone};

/// A Pod Security level, as an icon and a word.
#[component]
pub fn Level(level: PodSecurityLevel) -> impl IntoView {
    let tone = match level {
        PodSecurityLevel::Privileged => Tone::Warn,
        PodSecurityLevel::Baseline => Tone::Idle,
        PodSecurityLevel::Restricted => Tone::Ok,
    };
    view! { <StatusPill tone=tone text=level.name() /> }
}

/// Both containers.
#[component]
pub fn Produced(context: SecurityContextView) -> impl IntoView {
    view! {
        <ContainerCard title="Primary container" security=context.primary />
        <ContainerCard title="Builder" security=context.builder />
    }
}

#[component]
fn ContainerCard(title: &'static str, security: ContainerSecurity) -> impl IntoView {
    let rows = security
        .engine
        .into_iter()
        .map(|setting| {
            let own = match (setting.value.as_str(), setting.name.as_str()) {
                ("null", "User") => Some("the image's"),
                ("null", _) => Some("the engine's own"),
                _ => None,
            };
            let value = match own {
                Some(words) => view! { <span class="muted">{words}</span> }.into_any(),
                None => view! { <code class="wrap">{setting.value}</code> }.into_any(),
            };
            view! {
                <tr>
                    <Cell>
                        <code>{setting.name}</code>
                    </Cell>
                    <Cell label="Value">{value}</Cell>
                </tr>
            }
        })
        .collect_view();
    let reasons = (!security.reasons.is_empty()).then(|| {
        let items = security
            .reasons
            .iter()
            .map(|reason| view! { <li>{reason.clone()}</li> })
            .collect_view();
        view! {
            <div>
                <span class="muted">"Not higher, because:"</span>
                <ul class="hint-list">{items}</ul>
            </div>
        }
    });
    view! {
        <Card title=title subtitle="what the engine gets">
            <div class="card-note">
                <p>"Pod Security " <Level level=security.level /></p>
                {reasons}
            </div>
            <Table label=format!("{title}: what the engine gets") columns=vec!["Setting".into(), "Value".into()]>
                {rows}
            </Table>
        </Card>
    }
}

/// Who could start workers with it.
#[component]
pub fn Uses(sizes: Vec<SecurityContextUse>, host: bool) -> impl IntoView {
    let rows = sizes
        .iter()
        .map(|one| {
            let who: Vec<String> = one.groups.iter().chain(&one.users).cloned().collect();
            let who = if who.is_empty() {
                "nobody".to_owned()
            } else {
                who.join(", ")
            };
            view! {
                <li>
                    <b>{one.size.clone()}</b>
                    ": "
                    {who}
                </li>
            }
        })
        .collect_view();
    let warning = host.then(|| {
        view! {
            <Note tone=NoteTone::Warn>
                "Privileged: who can start a worker with it is root on the host. Give the sizes below to people whom you trust with the machine."
            </Note>
        }
    });
    view! {
        <Card title="Who could use it" padded=true>
            {warning}
            {if sizes.is_empty() {
                view! { <p>"No worker size uses it."</p> }.into_any()
            } else {
                view! { <ul class="hint-list">{rows}</ul> }.into_any()
            }}
        </Card>
    }
}

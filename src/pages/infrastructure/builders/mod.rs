//! Infrastructure / Builders: their images, and whether the host can run the restricted one.

mod server_fns;

use leptos::prelude::*;
use prt_types::builders::{BuildersView, CheckState, HostCheck, Preflight};

use self::server_fns::{CHECK, CheckHost, builders};
use crate::{
    components::{
        Button, ButtonKind, Card, Cell, Crumb, Form, Load, MetaItem, MetaList, Note, NoteTone, PageTitle, RelativeTime,
        StatusPill, Table, Tone,
    },
    forms::form_state,
};

#[component]
pub fn BuildersPage() -> impl IntoView {
    let check = ServerAction::<CheckHost>::new();
    let data = Resource::new_blocking(move || check.version().get(), |_| builders());
    let draft = form_state::<()>(CHECK);
    view! {
        <Load from=data let:view>
            <Suspense>
                {move || {
                    let view = view.clone();
                    Suspend::new(async move {
                        let error = draft.await.map(|draft| draft.error);
                        let BuildersView { restricted_image, privileged_image, preflight } = view;
                        let word = if preflight.is_some() { "Check again" } else { "Check the host" };
                        view! {
                            <PageTitle title="Builders" crumbs=vec![Crumb::text("Infrastructure")] />
                            <p class="lead">
                                "BuildKit runs beside a worker's own container. The security context of the worker's size decides which builder that is."
                            </p>
                            <Card title="Images">
                                <MetaList>
                                    <MetaItem label="Restricted" attr:class="meta-wide">
                                        <span class="mono breakable">{restricted_image}</span>
                                    </MetaItem>
                                    <MetaItem label="Privileged" attr:class="meta-wide">
                                        <span class="mono breakable">{privileged_image}</span>
                                    </MetaItem>
                                </MetaList>
                                <p class="hint card-padded">
                                    "Set by builder_image and privileged_builder_image in the console's configuration. A worker may name another one that a Container Image allows."
                                </p>
                            </Card>
                            <Card title="Host" padded=true>
                                <p>"What the restricted builder needs of the machine that runs the containers, looked at from inside a container with its rights."</p>
                                <Form action=check prefix="" error>
                                    <div class="form-actions">
                                        <Button kind=ButtonKind::Primary busy=check.pending()>
                                            {word}
                                        </Button>
                                        <span class="hint">"Takes a few seconds."</span>
                                    </div>
                                </Form>
                            </Card>
                            {preflight.map(|preflight| view! { <Found preflight /> })}
                        }
            })
                }}
            </Suspense>
        </Load>
    }
}

#[component]
fn Found(preflight: Preflight) -> impl IntoView {
    let tone = if preflight.ok { NoteTone::Ok } else { NoteTone::Bad };
    let rows = preflight
        .checks
        .into_iter()
        .map(|check| view! { <Check check /> })
        .collect_view();
    let columns = vec!["Need".into(), "State".into(), "Found".into(), "What to do".into()];
    view! {
        <Note tone>
            {preflight.summary} " " <span class="muted">{preflight.engine} ", " <RelativeTime ms=preflight.at_ms /></span>
        </Note>
        <Card title="Checks">
            <Table label="Checks" columns>
                {rows}
            </Table>
        </Card>
    }
}

#[component]
fn Check(check: HostCheck) -> impl IntoView {
    let tone = match check.state {
        CheckState::Ok => Tone::Ok,
        CheckState::Warning => Tone::Warn,
        CheckState::Failed => Tone::Bad,
        CheckState::Unknown => Tone::Idle,
    };
    view! {
        <tr>
            <Cell label="Need">{check.title}</Cell>
            <Cell label="State">
                <StatusPill tone text=check.state.name() />
            </Cell>
            <Cell label="Found">{check.found}</Cell>
            <Cell label="What to do">{(!check.fix.is_empty()).then_some(check.fix)}</Cell>
        </tr>
    }
}

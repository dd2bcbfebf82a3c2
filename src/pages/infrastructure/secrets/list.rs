use leptos::prelude::*;
use prt_types::named_secrets::NamedSecretView;

use super::{LIST, audience, kind_name, server_fns};
use crate::{
    client::live::{Change, refresh_on_change},
    components::{ButtonKind, ButtonLink, Card, Cell, Crumb, Load, PageTitle, RelativeTime, Table},
};

/// The viewer's own secrets, and the shared ones that they may use or manage.
#[component]
pub fn SecretsPage() -> impl IntoView {
    let secrets = Resource::new_blocking(|| (), |()| server_fns::secrets());
    let add = || {
        view! {
            <ButtonLink kind=ButtonKind::Primary href=format!("{LIST}/new")>
                "Add a secret"
            </ButtonLink>
        }
    };
    view! {
        <Load from=secrets let:secrets>
            <PageTitle title="Secrets" crumbs=vec![Crumb::text("Infrastructure")] actions=add />
            <p class="lead">
                "Values that workers get as environment variables, by name. No value is ever shown again; a personal secret is listed for its owner alone."
            </p>
            <SecretTable secrets />
        </Load>
    }
}

#[component]
fn SecretTable(secrets: Vec<NamedSecretView>) -> impl IntoView {
    let secrets = RwSignal::new(secrets);
    refresh_on_change(
        |change| matches!(change, Change::Secrets | Change::Worker { .. }),
        secrets,
        server_fns::secrets,
    );
    let total = move || match secrets.with(Vec::len) {
        1 => "1 secret".to_owned(),
        total => format!("{total} secrets"),
    };
    let when_empty = || {
        view! {
            <p>"No secret is kept here for you yet."</p>
            <ButtonLink href=format!("{LIST}/new")>"Add the first one"</ButtonLink>
        }
    };
    let columns = ["Name", "Kind", "For", "Running workers", "Last use"]
        .map(Into::into)
        .to_vec();
    view! {
        <Card title="Secrets" subtitle=Signal::derive(total)>
            <Table
                label="Secrets"
                columns=columns
                empty=Signal::derive(move || secrets.with(Vec::is_empty))
                when_empty=when_empty
            >
                <For
                    each=move || secrets.get()
                    key=|secret| (secret.id, secret.revision, secret.last_used_ms, secret.workers.clone(), secret.usable)
                    let:secret
                >
                    <SecretRow secret />
                </For>
            </Table>
        </Card>
    }
}

#[component]
fn SecretRow(secret: NamedSecretView) -> impl IntoView {
    let href = format!("{LIST}/{}", secret.id);
    let audience = audience(&secret);
    let workers = match (secret.editable, secret.workers.len()) {
        (false, _) => "–".to_owned(),
        (true, 0) => "None".to_owned(),
        (true, _) => secret.workers.join(", "),
    };
    view! {
        <tr>
            <Cell>
                <a class="row-name mono" href=href>
                    {secret.name}
                </a>
            </Cell>
            <Cell label="Kind">{kind_name(secret.kind)}</Cell>
            <Cell label="For">
                <span class="wrap">{audience}</span>
            </Cell>
            <Cell label="Running workers">
                <span class="wrap">{workers}</span>
            </Cell>
            <Cell label="Last use">
                {match secret.last_used_ms {
                    Some(ms) => view! { <RelativeTime ms=ms /> }.into_any(),
                    None => "Never".into_any(),
                }}
            </Cell>
        </tr>
    }
}

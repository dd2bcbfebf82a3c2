use leptos::prelude::*;
use prt_types::registry_credentials::RegistryCredentialView;

use super::{LIST, audience, form::end_text, server_fns::registry_credentials};
use crate::{
    client::live::{Change, refresh_on_change},
    components::{ButtonKind, ButtonLink, Card, Cell, Crumb, Load, PageTitle, RelativeTime, Table},
};

/// All credentials that the viewer may use or manage.
#[component]
pub fn RegistriesPage() -> impl IntoView {
    let credentials = Resource::new_blocking(|| (), |()| registry_credentials());
    let add = || {
        view! {
            <ButtonLink kind=ButtonKind::Primary href=format!("{LIST}/new")>
                "Add a credential"
            </ButtonLink>
        }
    };
    view! {
        <Load from=credentials let:credentials>
            <PageTitle title="Registries" crumbs=vec![Crumb::text("Infrastructure")] actions=add />
            <p class="lead">
                "Logins for registries, kept under a name. Workers, builds and Container Images use them by that name; nobody gets to see a password."
            </p>
            <CredentialTable credentials />
        </Load>
    }
}

#[component]
fn CredentialTable(credentials: Vec<RegistryCredentialView>) -> impl IntoView {
    let credentials = RwSignal::new(credentials);
    refresh_on_change(
        |change| matches!(change, Change::RegistryCredentials),
        credentials,
        registry_credentials,
    );
    let total = move || match credentials.with(Vec::len) {
        1 => "1 credential".to_owned(),
        total => format!("{total} credentials"),
    };
    let when_empty = || {
        view! {
            <p>"No credential is kept here for you yet."</p>
            <ButtonLink href=format!("{LIST}/new")>"Add the first one"</ButtonLink>
        }
    };
    let columns = vec![
        "Name".into(),
        "Registry".into(),
        "User name".into(),
        "For".into(),
        "Expires".into(),
        "Last use".into(),
    ];
    view! {
        <Card title="Credentials" subtitle=Signal::derive(total)>
            <Table
                label="Registry credentials"
                columns=columns
                empty=Signal::derive(move || credentials.with(Vec::is_empty))
                when_empty=when_empty
            >
                <For
                    each=move || credentials.get()
                    key=|credential| (credential.id, credential.revision, credential.last_used_ms, credential.expired)
                    let:credential
                >
                    <CredentialRow credential />
                </For>
            </Table>
        </Card>
    }
}

#[component]
fn CredentialRow(credential: RegistryCredentialView) -> impl IntoView {
    let href = format!("{LIST}/{}", credential.id);
    let audience = audience(&credential);
    let end = credential.expires_ms.map_or_else(|| "Never".to_owned(), end_text);
    view! {
        <tr>
            <Cell>
                <a class="row-name" href=href>
                    {credential.name}
                </a>
            </Cell>
            <Cell label="Registry">
                <span class="mono wrap">{credential.host}</span>
            </Cell>
            <Cell label="User name">
                <span class="wrap">{credential.username}</span>
            </Cell>
            <Cell label="For">{audience}</Cell>
            <Cell label="Expires">
                {end} {credential.expired.then(|| view! { " " <span class="badge badge-warn">"Expired"</span> })}
            </Cell>
            <Cell label="Last use">
                {match credential.last_used_ms {
                    Some(ms) => view! { <RelativeTime ms=ms /> }.into_any(),
                    None => "Never".into_any(),
                }}
            </Cell>
        </tr>
    }
}

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use prt_types::{
    ApiError,
    access::{TokenScope, TokenView},
};

use super::{
    LIST,
    server_fns::{REVOKE_DRAFT, RevokeToken, tokens},
};
use crate::{
    components::{
        Button, ButtonKind, ButtonLink, Card, Cell, Column, ConfirmDialog, Crumb, Form, Load, Note, NoteTone,
        PageTitle, RelativeTime, Table,
    },
    forms::form_state,
    pages::infrastructure::registries::form::end_text,
};

/// The viewer's own tokens.
#[component]
pub fn TokensPage() -> impl IntoView {
    let revoke_error = form_state::<()>(REVOKE_DRAFT);
    let list = Resource::new_blocking(|| (), |()| tokens());
    let revoke = ServerAction::<RevokeToken>::new();
    // The list stays in place when a token has ended.
    Effect::new(move |_| {
        if matches!(revoke.value().get(), Some(Ok(()))) {
            list.refetch();
        }
    });
    let add = || {
        view! {
            <ButtonLink kind=ButtonKind::Primary href=format!("{LIST}/new")>
                "New token"
            </ButtonLink>
        }
    };
    view! {
        <Load from=list let:tokens>
            <PageTitle title="API tokens" crumbs=vec![Crumb::text("Access")] actions=add />
            <p class="lead">
                "Yours, for scripts and pipelines: prtcli, Python and REST take them in place of a login. A pipeline that builds needs no more than a token for builds."
            </p>
            <TokenTable tokens=tokens.clone() />
            <Suspense>
                {move || {
                    let tokens = tokens.clone();
                    Suspend::new(async move {
                        let error = revoke_error.await.map(|draft| draft.error);
                        view! { <RevokeDialog tokens revoke error /> }
                    })
                }}
            </Suspense>
        </Load>
    }
}

#[component]
fn TokenTable(tokens: Vec<TokenView>) -> impl IntoView {
    let empty = tokens.is_empty();
    let total = match tokens.len() {
        1 => "1 token".to_owned(),
        total => format!("{total} tokens"),
    };
    let when_empty = || {
        view! {
            <p>"You have no API token."</p>
            <ButtonLink href=format!("{LIST}/new")>"Make the first one"</ButtonLink>
        }
    };
    let columns = vec![
        "Name".into(),
        "Token".into(),
        "For".into(),
        "Made".into(),
        "Ends".into(),
        "Last use".into(),
        Column::hidden("Actions"),
    ];
    let rows = tokens
        .into_iter()
        .map(|token| view! { <TokenRow token /> })
        .collect_view();
    view! {
        <Card title="Tokens" subtitle=total>
            <Table label="API tokens" columns=columns empty=empty when_empty=when_empty>
                {rows}
            </Table>
        </Card>
    }
}

#[component]
fn TokenRow(token: TokenView) -> impl IntoView {
    let href = format!("{LIST}?token={}&confirm=revoke", token.id);
    let label = format!("Revoke {}", token.name);
    let builds = token.scope != TokenScope::Full;
    view! {
        <tr>
            <Cell>
                <span class="row-name">{token.name}</span>
            </Cell>
            <Cell label="Token">
                <code>{format!("{}…", token.prefix)}</code>
            </Cell>
            <Cell label="For">
                {token.scope.words()}
                {token
                    .worker
                    .map(|worker| {
                        let href = format!("/workers/{worker}");
                        view! { ", in " <a href=href>{worker}</a> " only" }
                    })}
                {builds.then(|| view! { " " <span class="badge">"Limited"</span> })}
            </Cell>
            <Cell label="Made">
                <RelativeTime ms=token.created_ms />
            </Cell>
            <Cell label="Ends">{token.expires_ms.map_or_else(|| "Never".to_owned(), end_text)}</Cell>
            <Cell label="Last use">
                {match token.last_used_ms {
                    Some(ms) => view! { <RelativeTime ms=ms /> }.into_any(),
                    None => "Never".into_any(),
                }}
            </Cell>
            <Cell>
                <ButtonLink
                    kind=ButtonKind::Danger
                    small=true
                    href=href
                    attr:data-noscroll="true"
                    attr:aria-label=label
                >
                    "Revoke"
                </ButtonLink>
            </Cell>
        </tr>
    }
}

/// The question; which token is in the address too.
#[component]
fn RevokeDialog(tokens: Vec<TokenView>, revoke: ServerAction<RevokeToken>, error: Option<ApiError>) -> impl IntoView {
    let query = use_query_map();
    let tokens = StoredValue::new(tokens);
    let error = StoredValue::new(error);
    let chosen = Memo::new(move |_| {
        let id = query.with(|query| query.get("token")).unwrap_or_default();
        tokens.with_value(|tokens| tokens.iter().find(|token| token.id.to_string() == id).cloned())
    });
    view! {
        <ConfirmDialog name="revoke" title="Revoke this API token?">
            {move || match chosen.get() {
                Some(token) => {
                    view! {
                        <p>
                            <strong>{token.name}</strong>
                            " "
                            <code>{format!("{}…", token.prefix)}</code>
                        </p>
                        <Note tone=NoteTone::Warn>
                            "Whatever uses it is refused from its next request on. Builds that it has started go on."
                        </Note>
                        <Form action=revoke prefix="" error=error.get_value()>
                            <input type="hidden" name="id" value=token.id.to_string() />
                            <div class="form-actions">
                                <Button kind=ButtonKind::Danger busy=revoke.pending()>
                                    "Revoke"
                                </Button>
                            </div>
                        </Form>
                    }
                        .into_any()
                }
                None => view! { <p>"There is no such token any more."</p> }.into_any(),
            }}
        </ConfirmDialog>
    }
}

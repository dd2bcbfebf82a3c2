use std::collections::BTreeMap;

use leptos::prelude::*;

use super::form::{CREDENTIAL_ROWS, CredentialForm};
use crate::components::{Button, ButtonKind, FormContext, Glyph, Icon};

/// Rows that a browser without WebAssembly shows.
const PLAIN_ROWS: usize = 3;

/// Registry logins, a row each. Passwords are never filled in.
#[component]
pub fn CredentialRows(rows: Vec<CredentialForm>) -> impl IntoView {
    let shown = RwSignal::new(PLAIN_ROWS.max(rows.len()));
    let filled = rows.iter().filter(|row| !row.host.is_empty()).count();
    // With WebAssembly one more than is filled in; the button brings the others.
    Effect::new(move |_| shown.set((filled + 1).min(CREDENTIAL_ROWS)));
    let mut rows = rows;
    rows.resize_with(CREDENTIAL_ROWS, CredentialForm::default);
    let items = rows
        .into_iter()
        .enumerate()
        .map(|(at, row)| {
            let name = move |part: &str| format!("registry_credentials[{at}][{part}]");
            let number = at + 1;
            view! {
                <div class="credential-row" role="group" aria-label=format!("Login {number}") hidden=move || { at >= shown.get() }>
                    <input
                        type="text"
                        id=if at == 0 { Some("f-registry-credentials") } else { None }
                        class="input mono"
                        name=name("host")
                        value=row.host
                        placeholder="my-registry.example.com/team"
                        aria-label=format!("Registry host {number}")
                        autocomplete="off"
                        autocapitalize="none"
                        spellcheck="false"
                    />
                    <input
                        type="text"
                        class="input"
                        name=name("username")
                        value=row.username
                        placeholder="User"
                        aria-label=format!("User {number}")
                        autocomplete="off"
                        autocapitalize="none"
                        spellcheck="false"
                    />
                    <input
                        type="password"
                        class="input"
                        name=name("password")
                        placeholder="Password or token"
                        aria-label=format!("Password {number}")
                        autocomplete="new-password"
                    />
                    <UseSelect name=name("only") label=format!("For {number}") value=row.only />
                </div>
            }
        })
        .collect_view();
    let error = expect_context::<FormContext>().error;
    let message = move || error.with(|error| error.as_ref()?.field("registry_credentials").map(str::to_owned));
    let add = move || {
        (shown.get() < CREDENTIAL_ROWS).then(|| {
            view! {
                <Button kind=ButtonKind::Quiet small=true submit=false on:click=move |_| shown.update(|shown| *shown += 1)>
                    <Icon glyph=Glyph::Plus />
                    "Another login"
                </Button>
            }
        })
    };
    view! {
        <fieldset class="field" class:is-invalid=move || message().is_some()>
            <legend>"Registry logins"</legend>
            <div class="field-control">
                {items}
                {add}
                {move || {
                    message()
                        .map(|message| {
                            view! {
                                <p class="field-error">
                                    <Icon glyph=Glyph::Cross />
                                    <span>{message}</span>
                                </p>
                            }
                        })
                }}
                <div class="hint">
                    "For private images in FROM and for the push. A path behind the host is for the repositories below it only; the longest \
                     one counts. They are checked before the build starts and are forgotten when it ends."
                </div>
            </div>
        </fieldset>
    }
}

/// What a login is for.
#[component]
pub fn UseSelect(name: String, label: String, value: String) -> impl IntoView {
    let option = |of: &'static str, text: &'static str| {
        view! {
            <option value=of selected=value == of>
                {text}
            </option>
        }
    };
    view! {
        <select class="input" name=name aria-label=label>
            {option("", "Pulls and push")}
            {option("pull", "Pulls only")}
            {option("push", "Push only")}
        </select>
    }
}

/// What each kept credential is for, once it is ticked above. Closed as long as all are for everything.
#[component]
pub fn KeptUses(names: Vec<String>, uses: BTreeMap<String, String>) -> impl IntoView {
    let open = !uses.is_empty();
    let items = names
        .into_iter()
        .map(|name| {
            let value = uses.get(&name).cloned().unwrap_or_default();
            view! {
                <li>
                    <UseSelect name=format!("secret_uses[{name}]") label=format!("{name} is for") value />
                    <span class="mono">{name}</span>
                </li>
            }
        })
        .collect_view();
    view! {
        <div class="field field-check">
            <div class="field-control">
                <details class="more kept-uses" open=open>
                    <summary>"Only for pulls, or only for the push"</summary>
                    <ul>{items}</ul>
                </details>
            </div>
        </div>
    }
}

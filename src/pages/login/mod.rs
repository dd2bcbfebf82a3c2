//! The login.

mod server_fns;

use leptos::{context::Provider, prelude::*};
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use prt_types::ApiError;
use server_fns::LoginDraft;

use crate::{
    components::{Button, ButtonKind, Flash, FormContext, FormErrors, PasswordField, TextField},
    forms::form_state,
};

/// Name and password. A plain POST in every browser: password managers understand it, and the whole app starts anew with
/// the new user.
#[component]
pub fn LoginPage() -> impl IntoView {
    let draft = form_state::<LoginDraft>("login");
    view! {
        <Title text="Log in" />
        <main class="login" id="main">
            <div class="login-brand">
                <span class="brand-mark" aria-hidden="true"></span>
                "prt-console"
            </div>
            <Flash />
            <Suspense>
                {move || Suspend::new(async move {
                    let (username, error) = match draft.await {
                        Some(draft) => (draft.values.username, Some(draft.error)),
                        None => (String::new(), None),
                    };
                    view! { <LoginForm username=username error=error /> }
                })}
            </Suspense>
            <p class="muted login-foot">"Build container images. Run workers on them."</p>
        </main>
    }
}

#[component]
fn LoginForm(username: String, error: Option<ApiError>) -> impl IntoView {
    let query = use_query_map();
    let next = move || query.with(|query| query.get("next")).unwrap_or_default();
    let error = Signal::stored(error);
    let context = FormContext {
        prefix: "",
        error,
        busy: Signal::stored(false),
    };
    view! {
        <section class="card card-padded">
            <h1>"Log in"</h1>
            <form method="post" action="/_fn/login" class="form form-stacked">
                <Provider value=context>
                    <FormErrors error=error />
                    <input type="hidden" name="next" value=next />
                    <TextField
                        path="username"
                        label="User name"
                        value=username
                        autocomplete="username"
                        autofocus=true
                    />
                    <PasswordField path="password" label="Password" autocomplete="current-password" />
                    <div class="form-actions">
                        <Button kind=ButtonKind::Primary>"Log in"</Button>
                    </div>
                </Provider>
            </form>
        </section>
    }
}

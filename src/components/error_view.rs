//! The page that stands where a page could not be shown.

use std::sync::Arc;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_url;
use prt_types::ErrorCode;

use crate::error::AppError;

/// Lets the page's own answer carry an error's status; a context that exists on the server only.
#[derive(Clone)]
pub struct PageStatus(Arc<dyn Fn(u16) + Send + Sync>);

impl PageStatus {
    /// Sets the status by `set`.
    pub fn new(set: impl Fn(u16) + Send + Sync + 'static) -> Self {
        Self(Arc::new(set))
    }
}

/// Says what failed, what to do, and how to find it in the log.
#[component]
pub fn ErrorView(
    /// What failed.
    error: AppError,
) -> impl IntoView {
    let error = error.0;
    if let Some(PageStatus(set)) = use_context() {
        set(error.code.status());
    }
    let (title, more) = match error.code {
        ErrorCode::Unauthenticated => ("Log in first", "Your session has ended or was never begun."),
        ErrorCode::Forbidden => (
            "Not allowed",
            "The role Admin is needed, or access that an admin gives.",
        ),
        ErrorCode::NotFound => ("Not found", "It may have been removed, or it is not yours to see."),
        ErrorCode::Gone => ("Deleted", "It was older than its retention rule."),
        ErrorCode::Unavailable => ("Not available right now", "Try again in a moment."),
        ErrorCode::InvalidInput | ErrorCode::AlreadyExists | ErrorCode::Conflict => ("That did not work", ""),
        ErrorCode::Internal => (
            "Something went wrong",
            "It is not your doing. An admin finds the cause in the console's log.",
        ),
    };
    let hint = match (error.hint, error.code) {
        (Some(hint), ErrorCode::Forbidden) => format!("{hint} {more}"),
        (Some(hint), _) => hint,
        (None, _) => more.to_owned(),
    };
    let url = use_url();
    let log_in = (error.code == ErrorCode::Unauthenticated).then(|| {
        let href = move || crate::app::login_href(&url.get());
        view! {
            <a class="button button-primary" href=href rel="external">
                "Log in"
            </a>
        }
    });
    view! {
        <Title text=title />
        <section class="error-page" role="alert">
            <p class="error-code">{error.code.status()}</p>
            <h1>{title}</h1>
            <p>{error.message}</p>
            <p class="muted">{hint}</p>
            <p class="page-actions">
                {log_in} <a class="button" href="/workers">
                    "To the workers"
                </a>
            </p>
            {(!error.request_id.is_empty())
                .then(|| view! { <p class="muted">"Request " <code>{error.request_id}</code></p> })}
        </section>
    }
}

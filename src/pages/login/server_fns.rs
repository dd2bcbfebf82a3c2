use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::AppError;

/// What is shown again after a refused login.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginDraft {
    pub username: String,
}

/// Begins a session and leads to `next`.
#[server(prefix = "/_fn", endpoint = "login")]
async fn login(username: String, password: String, #[server(default)] next: String) -> Result<(), AppError> {
    use prt_types::{ErrorCode, Secret, access::LoginRequest};
    use tower_sessions::Session;

    use crate::server::{draft, extract, problem::app_error, session};

    let (orchestrator, cx) = extract::context().await?;
    let next = crate::forms::safe_next(&next);
    let page = if next == "/" {
        "/login".to_owned()
    } else {
        format!("/login?next={}", leptos_router::location::Url::escape(&next))
    };
    let request = LoginRequest {
        username: username.clone(),
        password: Secret::new(password),
    };
    let result = orchestrator
        .login(&cx, request)
        .await
        .map_err(|error| app_error(error, &cx));
    let result = match result {
        Ok(actor) => match leptos_axum::extract::<Session>().await {
            Ok(session) => session::sign_in(&session, &actor).await.map_err(|error| {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a session could not be stored"
                );
                AppError::new(ErrorCode::Unavailable, "The session could not be stored.")
            }),
            Err(_) => Err(AppError::new(ErrorCode::Internal, "There is no session layer.")),
        },
        Err(error) => Err(error),
    };
    draft::finish("login", &page, &LoginDraft { username }, result, |()| next).await
}

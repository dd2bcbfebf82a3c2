use leptos::prelude::*;

use crate::{components::Viewer, error::AppError};

/// Who looks at the page.
#[server(prefix = "/_fn", endpoint = "viewer")]
pub async fn load_viewer() -> Result<Viewer, AppError> {
    use crate::{
        server::{extract, problem::app_error},
        shell::theme,
    };

    let theme = theme();
    let (orchestrator, cx) = extract::context().await?;
    if cx.actor_opt().is_none() {
        return Ok(Viewer {
            theme,
            ..Viewer::default()
        });
    }
    let me = orchestrator.me(&cx).await.map_err(|error| app_error(error, &cx))?;
    Ok(Viewer {
        me: Some(me),
        theme,
        engine_away: orchestrator.engine_away(),
    })
}

/// Ends the session.
#[server(prefix = "/_fn", endpoint = "log_out")]
async fn log_out() -> Result<(), AppError> {
    use prt_types::ErrorCode;
    use tower_sessions::Session;

    use crate::server::{extract, problem::app_error, session};

    let (orchestrator, cx) = extract::context().await?;
    if cx.actor_opt().is_some() {
        orchestrator
            .notebook_leave(&cx)
            .await
            .map_err(|error| app_error(error, &cx))?;
        orchestrator
            .logout_audit(&cx)
            .await
            .map_err(|error| app_error(error, &cx))?;
    }
    if let Ok(session) = leptos_axum::extract::<Session>().await {
        session::sign_out(&session).await.map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "a session could not be ended");
            AppError::new(ErrorCode::Unavailable, "The session could not be ended.").with_hint("Try again.")
        })?;
    }
    leptos_axum::redirect("/login?done=logged-out");
    Ok(())
}

/// Sets the theme's cookie, for browsers where no script can.
#[server(prefix = "/_fn", endpoint = "set_theme")]
async fn set_theme(theme: String) -> Result<(), AppError> {
    use axum::http::{HeaderValue, Uri, header};
    use http::request::Parts;
    use prt_types::ErrorCode;

    use crate::{components::Theme, forms::safe_next};

    let theme = Theme::from_name(&theme)
        .ok_or_else(|| AppError::new(ErrorCode::InvalidInput, format!("There is no theme {theme}.")))?;
    let cookie = format!("theme={}; Path=/; Max-Age=31536000; SameSite=Lax", theme.name());
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        expect_context::<leptos_axum::ResponseOptions>().append_header(header::SET_COOKIE, cookie);
    }
    // Back to the page where the form was. Leptos would go there too, with a "?" added to its address.
    let referer = expect_context::<Parts>()
        .headers
        .get(header::REFERER)
        .and_then(|value| value.to_str().ok()?.parse::<Uri>().ok());
    let page = referer.as_ref().and_then(|uri| Some(uri.path_and_query()?.as_str()));
    leptos_axum::redirect(&safe_next(page.unwrap_or_default()));
    Ok(())
}

//! The page for an address that nothing answers to.

use leptos::prelude::*;
use prt_types::ErrorCode;

use crate::{components::ErrorView, error::AppError};

/// Says so; the status 404 comes from the server's fallback, which is the only one to render this.
#[component]
pub fn NotFoundPage() -> impl IntoView {
    let error = AppError::new(ErrorCode::NotFound, "There is no page at this address.")
        .with_hint("Check the address, or go on by the navigation.");
    view! { <ErrorView error=error /> }
}

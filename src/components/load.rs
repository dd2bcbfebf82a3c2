//! Waits for a page's data.

use leptos::{either::Either, prelude::*};
use serde::{Serialize, de::DeserializeOwned};

use super::ErrorView;
use crate::error::AppError;

/// Shows `children` with the data once it is there, or the error. Data that is loaded anew replaces what is shown without
/// a gap: `<Load from=workers let:workers>…</Load>`.
#[component]
pub fn Load<T, C, V>(
    /// The data.
    from: Resource<Result<T, AppError>>,
    /// The page's content, made of the data.
    children: C,
) -> impl IntoView
where
    T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    C: Fn(T) -> V + Clone + Send + Sync + 'static,
    V: IntoView + Send + 'static,
{
    view! {
        <Transition fallback=|| {
            view! { <p class="loading muted">"Loading…"</p> }
        }>
            {move || {
                let children = children.clone();
                Suspend::new(async move {
                    match from.await {
                        Ok(data) => Either::Left(children(data)),
                        Err(error) => Either::Right(view! { <ErrorView error=error /> }),
                    }
                })
            }}
        </Transition>
    }
}

//! A form that is a plain POST without WebAssembly and answers in place with it.

use leptos::{
    context::Provider,
    form::ActionForm,
    prelude::*,
    server_fn::{Http, ServerFn, client::Client, codec::PostUrl, request::ClientReq},
    web_sys::FormData,
};
use prt_types::ApiError;
use serde::de::DeserializeOwned;

use super::FormErrors;
use crate::error::AppError;

/// What a form's fields know about it.
#[derive(Clone, Copy, Debug)]
pub struct FormContext {
    /// Name of the server function's argument that holds the fields; empty = each field is an argument.
    pub prefix: &'static str,
    /// The last refusal.
    pub error: Signal<Option<ApiError>>,
    /// Waiting for the answer.
    pub busy: Signal<bool>,
}

/// A form over a server function. Fields inside find their errors and names by themselves.
///
/// Buttons take `busy` from `action.pending()`. On success the server function redirects; on a refusal, see [`crate::forms`].
#[component]
pub fn Form<F, O>(
    /// The server function's action.
    action: ServerAction<F>,
    /// Name of the argument that holds the fields.
    #[prop(default = "input")]
    prefix: &'static str,
    /// The refusal of the last plain POST, from the form's draft.
    #[prop(optional_no_strip)]
    error: Option<ApiError>,
    /// The fields and buttons.
    children: Children,
) -> impl IntoView
where
    F: DeserializeOwned + ServerFn<Protocol = Http<PostUrl, O>, Error = AppError> + Clone + Send + Sync + 'static,
    <<F::Client as Client<AppError>>::Request as ClientReq<AppError>>::FormData: From<FormData>,
    F::Output: Send + Sync + 'static,
    F::Client: Client<AppError>,
    O: 'static,
{
    let value = action.value();
    let error = Signal::derive(move || {
        value.with(|value| match value {
            None => error.clone(),
            Some(Ok(_)) => None,
            Some(Err(error)) => Some(error.0.clone()),
        })
    });
    let context = FormContext {
        prefix,
        error,
        busy: action.pending().into(),
    };
    view! {
        <ActionForm action=action attr:class="form" attr:novalidate=true>
            <Provider value=context>
                <FormErrors error=error /> {children()}
            </Provider>
        </ActionForm>
    }
}

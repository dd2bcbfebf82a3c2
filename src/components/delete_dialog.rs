//! The question before a thing is deleted, with the form that does it.

use leptos::{
    prelude::*,
    server_fn::{Http, ServerFn, client::Client, codec::PostUrl, request::ClientReq},
    web_sys::FormData,
};
use prt_types::ApiError;
use serde::de::DeserializeOwned;

use super::{Button, ButtonKind, ConfirmDialog, Form, Note, NoteTone};
use crate::error::AppError;

/// Opened by `<ConfirmLink name="delete">`. The server function takes one argument, which says which thing.
#[component]
pub fn DeleteDialog<F, O>(
    /// The server function's action.
    action: ServerAction<F>,
    /// The question.
    title: &'static str,
    /// What it is called.
    what: String,
    /// What follows from it.
    words: String,
    /// Name of the server function's argument, and its value.
    key: (&'static str, String),
    /// The refusal of the last plain POST, from the form's draft.
    #[prop(optional_no_strip)]
    error: Option<ApiError>,
) -> impl IntoView
where
    F: DeserializeOwned + ServerFn<Protocol = Http<PostUrl, O>, Error = AppError> + Clone + Send + Sync + 'static,
    <<F::Client as Client<AppError>>::Request as ClientReq<AppError>>::FormData: From<FormData>,
    F::Output: Send + Sync + 'static,
    F::Client: Client<AppError>,
    O: 'static,
{
    let (name, value) = key;
    // The dialog may be made more than once.
    let (what, words, value, error) = (
        StoredValue::new(what),
        StoredValue::new(words),
        StoredValue::new(value),
        StoredValue::new(error),
    );
    view! {
        <ConfirmDialog name="delete" title=title>
            <p class="mono wrap">{what.get_value()}</p>
            <Note tone=NoteTone::Warn>{words.get_value()}</Note>
            <Form action=action prefix="" error=error.get_value()>
                <input type="hidden" name=name value=value.get_value() />
                <div class="form-actions">
                    <Button kind=ButtonKind::Danger busy=action.pending()>
                        "Delete"
                    </Button>
                </div>
            </Form>
        </ConfirmDialog>
    }
}

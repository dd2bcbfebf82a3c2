use leptos::{
    prelude::*,
    server_fn::codec::{MultipartData, MultipartFormData},
};
use prt_types::certificates::CertificatesView;
use serde::{Deserialize, Serialize};

use crate::error::AppError;

/// The page, for the server.
#[cfg(feature = "ssr")]
const LIST: &str = "/infrastructure/certificates";
/// Keys of the forms' drafts.
pub const UPLOAD: &str = "certificates-upload";
pub const SWITCH: &str = "certificates-switch";
pub const REMOVE: &str = "certificates-remove";

/// What was typed before a refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UploadForm {
    pub pem: String,
    pub revision: i64,
}

/// The bundle and the switch.
#[server(prefix = "/_fn", endpoint = "certificates")]
pub async fn certificates() -> Result<CertificatesView, AppError> {
    use crate::server::{extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    orchestrator
        .certificates_get(&cx)
        .await
        .map_err(|error| app_error(error, &cx))
}

/// Replaces the bundle by a file, or by what was pasted.
#[server(prefix = "/_fn", endpoint = "upload_certificates", input = MultipartFormData)]
pub async fn upload_certificates(data: MultipartData) -> Result<(), AppError> {
    use prt_types::{ErrorCode, certificates::CertificatesInput};

    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let Some(mut data) = data.into_inner() else {
        return Err(AppError::new(ErrorCode::InvalidInput, "The form has no content."));
    };
    let broken =
        |error: multer::Error| AppError::new(ErrorCode::InvalidInput, format!("The upload broke off: {error}."));
    let (mut form, mut file) = (UploadForm::default(), None);
    while let Some(part) = data.next_field().await.map_err(broken)? {
        let name = part.name().unwrap_or_default().to_owned();
        let bytes = part.bytes().await.map_err(broken)?;
        let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
        match name.as_str() {
            "pem" => form.pem = text,
            "revision" => form.revision = text.trim().parse().unwrap_or_default(),
            "file" if !bytes.is_empty() => file = Some(text),
            _ => {}
        }
    }
    let input = CertificatesInput {
        pem: Some(file.unwrap_or_else(|| form.pem.clone())),
        inject: None,
        revision: Some(form.revision),
    };
    let result = orchestrator
        .certificates_set(&cx, input)
        .await
        .map_err(|error| app_error(error, &cx));
    // A private key that was pasted by mistake is not kept in the session.
    if form.pem.contains("PRIVATE KEY") {
        form.pem.clear();
    }
    draft::finish(UPLOAD, LIST, &form, result, |_| {
        format!("{LIST}?done=certificates-saved")
    })
    .await
    .map(drop)
}

/// Gives the bundle to builders that start from now on, or no longer.
#[server(prefix = "/_fn", endpoint = "switch_certificates")]
pub async fn switch_certificates(#[server(default)] inject: bool, revision: i64) -> Result<(), AppError> {
    use prt_types::certificates::CertificatesInput;

    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let input = CertificatesInput {
        inject: Some(inject),
        pem: None,
        revision: Some(revision),
    };
    let result = orchestrator
        .certificates_set(&cx, input)
        .await
        .map_err(|error| app_error(error, &cx));
    let done = if inject { "certificates-on" } else { "certificates-off" };
    draft::finish(SWITCH, LIST, &(), result, |_| format!("{LIST}?done={done}"))
        .await
        .map(drop)
}

/// Removes the bundle.
#[server(prefix = "/_fn", endpoint = "remove_certificates")]
pub async fn remove_certificates(revision: i64) -> Result<(), AppError> {
    use crate::server::{draft, extract, problem::app_error};

    let (orchestrator, cx) = extract::context().await?;
    let result = orchestrator
        .certificates_remove(&cx, Some(revision))
        .await
        .map_err(|error| app_error(error, &cx));
    let page = format!("{LIST}?confirm=remove");
    draft::finish(REMOVE, &page, &(), result, |_| {
        format!("{LIST}?done=certificates-removed")
    })
    .await
    .map(drop)
}

use leptos::{context::Provider, prelude::*};

use super::server_fns::UploadForm;
use crate::{
    components::{Button, ButtonKind, Card, Field, FormContext, FormErrors, TextAreaField},
    forms::Draft,
};

const ADDRESS: &str = "/_fn/upload_certificates";

/// A file, or text. A plain POST in every browser: a page that begins anew is what an upload of this weight leads to.
#[component]
pub fn Upload(revision: i64, some: bool, refused: Option<Draft<UploadForm>>) -> impl IntoView {
    let (values, error) = match refused {
        Some(draft) => (draft.values, Some(draft.error)),
        None => (UploadForm::default(), None),
    };
    let sending = RwSignal::new(false);
    let context = FormContext {
        prefix: "",
        error: Signal::stored(error.clone()),
        busy: sending.into(),
    };
    let title = if some { "Replace the bundle" } else { "Add a bundle" };
    view! {
        <Card title padded=true>
            <form
                method="post"
                action=ADDRESS
                enctype="multipart/form-data"
                class="form"
                novalidate=true
                on:submit=move |_| sending.set(true)
            >
                <Provider value=context>
                    <FormErrors error=Signal::stored(error) />
                    <input type="hidden" name="revision" value=revision.to_string() />
                    <Field path="file" label="File" hint=|| "PEM, with one certificate or several; 512 KiB at most." let:control>
                        <input
                            type="file"
                            id=control.id
                            name="file"
                            class="input"
                            accept=".pem,.crt,.cer,application/x-pem-file,application/x-x509-ca-cert"
                            aria-describedby=control.described_by
                        />
                    </Field>
                    <TextAreaField
                        path="pem"
                        label="Or paste it"
                        mono=true
                        rows=6
                        value=values.pem
                        placeholder="-----BEGIN CERTIFICATE-----"
                        hint=move || {
                            if some { "It takes the place of all certificates above. No private keys." } else { "No private keys." }
                        }
                    />
                    <div class="form-actions">
                        <Button kind=ButtonKind::Primary busy=sending>
                            "Save"
                        </Button>
                    </div>
                </Provider>
            </form>
        </Card>
    }
}

//! Infrastructure / Certificates: the private certificates that builders get.

mod server_fns;
mod table;
mod upload;

use leptos::prelude::*;
use prt_types::{ApiError, certificates::CertificatesView};

use self::{
    server_fns::{REMOVE, RemoveCertificates, SWITCH, SwitchCertificates, UPLOAD, UploadForm, certificates},
    table::CertificateTable,
    upload::Upload,
};
use crate::{
    components::{
        Button, ButtonKind, Card, ConfirmDialog, ConfirmLink, Crumb, Form, Load, MetaItem, MetaList, Note, NoteTone,
        PageTitle, RelativeTime, StatusPill, Tone,
    },
    forms::{Draft, form_state},
};

#[component]
pub fn CertificatesPage() -> impl IntoView {
    // Forms answer by leading here again; then the page asks anew.
    let switch = ServerAction::<SwitchCertificates>::new();
    let remove = ServerAction::<RemoveCertificates>::new();
    let version = move || (switch.version().get(), remove.version().get());
    let data = Resource::new_blocking(version, |_| certificates());
    let upload_draft = form_state::<UploadForm>(UPLOAD);
    let switch_draft = form_state::<()>(SWITCH);
    let remove_draft = form_state::<()>(REMOVE);
    view! {
        <Load from=data let:view>
            {Suspend::new(async move {
                let (upload, switched, removed) = (upload_draft.await, switch_draft.await, remove_draft.await);
                let error = |draft: Option<Draft<()>>| draft.map(|draft| draft.error);
                view! {
                    <Detail view upload switch switch_error=error(switched) remove remove_error=error(removed) />
                }
            })}
        </Load>
    }
}

#[component]
fn Detail(
    view: CertificatesView,
    upload: Option<Draft<UploadForm>>,
    switch: ServerAction<SwitchCertificates>,
    #[prop(optional_no_strip)] switch_error: Option<ApiError>,
    remove: ServerAction<RemoveCertificates>,
    #[prop(optional_no_strip)] remove_error: Option<ApiError>,
) -> impl IntoView {
    let revision = view.revision;
    let some = !view.certificates.is_empty();
    let actions = move || some.then(|| view! { <ConfirmLink name="remove">"Remove"</ConfirmLink> });
    let warnings = view
        .warnings
        .clone()
        .into_iter()
        .map(|warning| view! { <Note tone=NoteTone::Warn>{warning}</Note> })
        .collect_view();
    let changed = view.updated_ms.map(|ms| {
        view! {
            <MetaItem label="Latest change">
                <RelativeTime ms />
                {view.updated_by.clone().map(|name| format!(" by {name}"))}
            </MetaItem>
        }
    });
    let (state, tone) = if view.inject {
        ("On", Tone::Ok)
    } else {
        ("Off", Tone::Idle)
    };
    let (word, other) = if view.inject {
        ("Switch off", false)
    } else {
        ("Switch on", true)
    };
    let kind = if view.inject {
        ButtonKind::Plain
    } else {
        ButtonKind::Primary
    };
    let certificates = view.certificates.clone();
    let path = view.path.clone();
    view! {
        <PageTitle title="Certificates" crumbs=vec![Crumb::text("Infrastructure")] actions=move || actions />
        <p class="lead">
            "Certificates of private authorities. With injection on, builders that start get them; builders that run keep what they have."
        </p>
        {warnings}
        <Card title="Private certificate injection" padded=true>
            <MetaList>
                <MetaItem label="Injection">
                    <StatusPill tone text=state />
                </MetaItem>
                <MetaItem label="In the builder" attr:class="meta-wide">
                    <span class="mono breakable">{path}</span>
                </MetaItem>
                {changed}
            </MetaList>
            <p class="hint">
                "A restricted builder gets the file, for ca = [\"…\"] in its build configuration. A privileged one trusts the certificates by itself."
            </p>
            <Form action=switch prefix="" error=switch_error>
                <input type="hidden" name="revision" value=revision.to_string() />
                {other.then(|| view! { <input type="hidden" name="inject" value="true" /> })}
                <div class="form-actions">
                    <Button kind busy=switch.pending()>
                        {word}
                    </Button>
                    {(!some).then(|| view! { <span class="hint">"There is no certificate to give yet."</span> })}
                </div>
            </Form>
        </Card>
        <CertificateTable certificates fingerprint=view.fingerprint.clone() />
        <Upload revision some refused=upload />
        <Remove revision action=remove error=remove_error />
    }
}

#[component]
fn Remove(
    revision: i64,
    action: ServerAction<RemoveCertificates>,
    #[prop(optional_no_strip)] error: Option<ApiError>,
) -> impl IntoView {
    let error = StoredValue::new(error);
    view! {
        <ConfirmDialog name="remove" title="Remove all certificates?" keep="Keep them">
            <p>"Injection is switched off. Builders that run keep what they have; builds in later ones fail where they need these certificates."</p>
            <Form action prefix="" error=error.get_value()>
                <input type="hidden" name="revision" value=revision.to_string() />
                <div class="form-actions">
                    <Button kind=ButtonKind::Danger busy=action.pending()>
                        "Remove"
                    </Button>
                </div>
            </Form>
        </ConfirmDialog>
    }
}

use leptos::prelude::*;
use prt_types::certificates::{CertificateState, CertificateView};

use crate::components::{Card, Cell, CopyButton, StatusPill, Table, Tone, time::utc_text};

/// The certificates of the bundle.
#[component]
pub fn CertificateTable(
    certificates: Vec<CertificateView>,
    #[prop(optional_no_strip)] fingerprint: Option<String>,
) -> impl IntoView {
    let empty = certificates.is_empty();
    let count = match certificates.len() {
        1 => "1 certificate".to_owned(),
        count => format!("{count} certificates"),
    };
    let rows = certificates
        .into_iter()
        .map(|certificate| view! { <Row certificate /> })
        .collect_view();
    let columns = vec![
        "Subject".into(),
        "Issuer".into(),
        "Kind".into(),
        "Valid".into(),
        "State".into(),
        "SHA-256".into(),
    ];
    view! {
        <Card title="Bundle" subtitle=count>
            <Table label="Certificates" columns empty=empty when_empty=|| view! { <p>"No certificate is here yet. Add a bundle below."</p> }>
                {rows}
            </Table>
            {fingerprint
                .map(|sha256| {
                    view! {
                        <div class="card-padded">
                            <p class="hint">
                                "SHA-256 of the bundle: " <span class="mono breakable">{sha256.clone()}</span> " "
                                <CopyButton text=sha256 what="fingerprint" />
                            </p>
                        </div>
                    }
                })}
        </Card>
    }
}

#[component]
fn Row(certificate: CertificateView) -> impl IntoView {
    let tone = match certificate.state {
        CertificateState::Valid => Tone::Ok,
        CertificateState::ExpiresSoon | CertificateState::NotYetValid => Tone::Warn,
        CertificateState::Expired => Tone::Bad,
    };
    let kind = if certificate.ca { "Authority" } else { "Server only" };
    let day = |ms: i64| utc_text(ms).chars().take(10).collect::<String>();
    let valid = format!(
        "{} to {}",
        day(certificate.not_before_ms),
        day(certificate.not_after_ms)
    );
    let short: String = certificate.sha256.chars().take(16).collect();
    view! {
        <tr>
            <Cell label="Subject">
                <span class="breakable">{certificate.subject}</span>
            </Cell>
            <Cell label="Issuer">
                <span class="breakable">{certificate.issuer}</span>
            </Cell>
            <Cell label="Kind">{kind}</Cell>
            <Cell label="Valid">{valid}</Cell>
            <Cell label="State">
                <StatusPill tone text=certificate.state.name() />
            </Cell>
            <Cell label="SHA-256">
                <span class="mono">{short} "…"</span>
                " "
                <CopyButton text=certificate.sha256 what="fingerprint" />
            </Cell>
        </tr>
    }
}

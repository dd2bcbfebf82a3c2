//! `certificates show`.

use prt_types::certificates::CertificatesView;

use crate::{
    error::Result,
    output::{Out, date, facts, table},
    session::Session,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the bundle itself
    #[arg(long)]
    pem: bool,
}

pub async fn run(args: &Args, session: &Session) -> Result<()> {
    let view = session.client.certificates().await?;
    if args.pem && !session.out.is_json() {
        return Out::raw(view.pem.as_bytes());
    }
    session.out.show(&view, text)
}

/// The switch, the certificates, and what to look after.
pub fn text(view: &CertificatesView) -> String {
    let switch = if view.inject { "on" } else { "off" };
    let mut parts = vec![facts(&[
        ("Injection", Some(switch.to_owned())),
        ("In builders at", view.fingerprint.as_ref().map(|_| view.path.clone())),
        ("Fingerprint", view.fingerprint.clone()),
        ("Changed", view.updated_ms.map(date)),
        ("By", view.updated_by.clone()),
    ])];
    if view.certificates.is_empty() {
        parts.push("There are no certificates.".to_owned());
    } else {
        let rows: Vec<Vec<String>> = view
            .certificates
            .iter()
            .map(|one| {
                vec![
                    one.subject.clone(),
                    if one.ca { "yes" } else { "no" }.to_owned(),
                    date(one.not_after_ms),
                    one.state.name().to_owned(),
                    one.sha256.clone(),
                ]
            })
            .collect();
        parts.push(table(&["SUBJECT", "AUTHORITY", "UNTIL", "STATE", "SHA-256"], &rows));
    }
    if !view.warnings.is_empty() {
        parts.push(view.warnings.join("\n"));
    }
    parts.join("\n\n")
}

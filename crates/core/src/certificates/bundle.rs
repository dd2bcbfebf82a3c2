//! A bundle of certificates as an admin gives it: what is in it, and what is refused. Pure.

use std::{collections::HashSet, fmt::Write as _};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use prt_types::certificates::{CertificateState, CertificateView};
use sha2::{Digest as _, Sha256};
use x509_parser::{certificate::X509Certificate, error::PEMError, pem::Pem, prelude::FromDer as _};

use crate::registry_credentials::utc;

/// Longest text. The bundle of all public authorities has half of it.
pub const SIZE_MAX: usize = 512 * 1024;
/// Most certificates.
pub const COUNT_MAX: usize = 500;
/// A certificate that ends within this is worth a word.
pub const SOON_MS: i64 = 30 * 24 * 3600 * 1000;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const LINE: usize = 64;

/// A bundle that can be given to builders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// PEM with nothing but the certificates, each once.
    pub pem: String,
    /// What they are, in the same order.
    pub certificates: Vec<CertificateView>,
}

impl Bundle {
    /// SHA-256 of the text, in hex.
    pub fn fingerprint(&self) -> String {
        sha256(self.pem.as_bytes())
    }

    /// Whose certificates these are.
    pub fn subjects(&self) -> Vec<String> {
        self.certificates
            .iter()
            .map(|certificate| certificate.subject.clone())
            .collect()
    }
}

/// Reads a text that somebody gives. The error says what is wrong with it, and never repeats what may be a key.
pub fn read(text: &str, now_ms: i64) -> Result<Bundle, String> {
    if text.len() > SIZE_MAX {
        return Err(format!("The bundle is larger than {} KiB.", SIZE_MAX / 1024));
    }
    if text.trim().is_empty() {
        return Err("Give at least one certificate, as PEM.".into());
    }
    // Before anything else, so that no mistake elsewhere in the text hides it.
    if text
        .lines()
        .any(|line| line.contains("-----BEGIN ") && line.contains("PRIVATE KEY"))
    {
        return Err(
            "The text holds a private key. A bundle holds certificates only; take the key out, and treat it as \
             leaked if this is not where it belongs."
                .into(),
        );
    }
    // Pasted text is often indented; the library takes only what begins a line.
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let blocks = Pem::iter_from_buffer(lines.join("\n").as_bytes())
        .enumerate()
        .map(|(at, block)| block.map_err(|error| broken(at + 1, &error)))
        .collect::<Result<Vec<Pem>, String>>()?;
    if blocks.is_empty() {
        return Err(format!(
            "This is no PEM: it has no line {BEGIN}. A certificate in DER (.der, .cer) is converted by: openssl x509 -inform der \
             -in FILE"
        ));
    }
    if blocks.len() > COUNT_MAX {
        return Err(format!(
            "The bundle has {} certificates; {COUNT_MAX} are allowed.",
            blocks.len()
        ));
    }
    let mut seen = HashSet::new();
    let mut bundle = Bundle {
        pem: String::new(),
        certificates: vec![],
    };
    for (at, block) in blocks.iter().enumerate() {
        let number = at + 1;
        if !matches!(block.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE") {
            return Err(format!(
                "Block {number} is no certificate but a {}. A bundle holds certificates only.",
                block.label.to_lowercase()
            ));
        }
        let certificate = describe(&block.contents, now_ms)
            .map_err(|error| format!("Certificate {number} cannot be read: {error}."))?;
        if certificate.state == CertificateState::Expired {
            return Err(format!(
                "Certificate {number} ({}) expired on {}. Take it out, or give its successor.",
                certificate.subject,
                utc(certificate.not_after_ms)
            ));
        }
        if seen.insert(certificate.sha256.clone()) {
            append(&mut bundle.pem, &block.contents);
            bundle.certificates.push(certificate);
        }
    }
    Ok(bundle)
}

/// Reads what [`read`] has made; by now something of it may have expired.
pub fn stored(pem: &str, now_ms: i64) -> Result<Bundle, String> {
    let certificates = Pem::iter_from_buffer(pem.as_bytes())
        .map(|block| describe(&block.map_err(|error| error.to_string())?.contents, now_ms))
        .collect::<Result<Vec<_>, String>>()?;
    Ok(Bundle {
        pem: pem.to_owned(),
        certificates,
    })
}

/// What an admin should look after.
pub fn warnings(certificates: &[CertificateView]) -> Vec<String> {
    let mut warnings = Vec::new();
    for certificate in certificates {
        let CertificateView { subject, .. } = certificate;
        match certificate.state {
            CertificateState::Valid => {}
            CertificateState::ExpiresSoon => warnings.push(format!(
                "{subject} expires on {}. Add its successor in time.",
                utc(certificate.not_after_ms)
            )),
            CertificateState::Expired => warnings.push(format!(
                "{subject} expired on {}: builders refuse what it vouches for. Replace it.",
                utc(certificate.not_after_ms)
            )),
            CertificateState::NotYetValid => warnings.push(format!(
                "{subject} is valid from {} on: until then builders refuse what it vouches for.",
                utc(certificate.not_before_ms)
            )),
        }
        if !certificate.ca {
            warnings.push(format!(
                "{subject} is no authority: it vouches for its own server only, not for certificates that it seems to have signed."
            ));
        }
    }
    warnings
}

fn broken(number: usize, error: &PEMError) -> String {
    match error {
        PEMError::Base64DecodeError => format!("Block {number} cannot be read: it is no valid base64."),
        PEMError::IncompletePEM => format!("Block {number} has no line that begins with -----END."),
        PEMError::InvalidHeader | PEMError::MissingHeader => {
            format!("Block {number} begins with a broken line; it must be {BEGIN}.")
        }
        PEMError::IOError(_) => format!("Block {number} cannot be read."),
    }
}

fn describe(der: &[u8], now_ms: i64) -> Result<CertificateView, String> {
    let (rest, certificate) =
        X509Certificate::from_der(der).map_err(|_| "its content is no X.509 certificate".to_owned())?;
    if !rest.is_empty() {
        return Err("something follows the certificate within its block".into());
    }
    let validity = certificate.validity();
    let not_before_ms = validity.not_before.timestamp() * 1000;
    // Until the end of the second that it names.
    let not_after_ms = validity.not_after.timestamp() * 1000 + 999;
    let state = if not_after_ms < now_ms {
        CertificateState::Expired
    } else if not_before_ms > now_ms {
        CertificateState::NotYetValid
    } else if not_after_ms - now_ms < SOON_MS {
        CertificateState::ExpiresSoon
    } else {
        CertificateState::Valid
    };
    let named = |name: String| if name.is_empty() { "(no name)".to_owned() } else { name };
    Ok(CertificateView {
        subject: named(certificate.subject().to_string()),
        issuer: named(certificate.issuer().to_string()),
        serial: hex::encode(certificate.raw_serial()),
        not_before_ms,
        not_after_ms,
        ca: certificate.is_ca(),
        sha256: sha256(der),
        state,
    })
}

fn append(pem: &mut String, der: &[u8]) {
    let encoded = BASE64_STANDARD.encode(der);
    pem.push_str(BEGIN);
    pem.push('\n');
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        // Base64 is ASCII: any place is a boundary.
        let (line, after) = rest.split_at(rest.len().min(LINE));
        _ = writeln!(pem, "{line}");
        rest = after;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
#[path = "bundle_tests.rs"]
mod tests;

//! Private certificates that builders get: the bundle, and the switch that gives it to them.

use serde::{Deserialize, Serialize};

/// Where a builder finds the bundle, when it gets it.
pub const BUNDLE_PATH: &str = "/usr/local/share/ca-certificates/prt-ca-bundle.crt";

/// How a certificate stands in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CertificateState {
    /// Valid for a while.
    Valid,
    /// Its end is near.
    ExpiresSoon,
    /// Its end is past.
    Expired,
    /// Its beginning is not reached.
    NotYetValid,
}

impl CertificateState {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "Valid",
            Self::ExpiresSoon => "Expires soon",
            Self::Expired => "Expired",
            Self::NotYetValid => "Not yet valid",
        }
    }
}

/// One certificate of the bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CertificateView {
    /// Whose it is, e.g. `CN=Corp Root CA, O=Corp`.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// Serial number, in hex.
    pub serial: String,
    /// Valid from, milliseconds since 1970.
    pub not_before_ms: i64,
    /// Valid until, milliseconds since 1970.
    pub not_after_ms: i64,
    /// Whether it may sign other certificates; one that may not vouches for its own server only.
    pub ca: bool,
    /// SHA-256 of the certificate, in hex.
    pub sha256: String,
    /// How it stands now.
    pub state: CertificateState,
}

/// The bundle and the switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CertificatesView {
    /// Private certificate injection: whether builders that start from now on get the bundle.
    pub inject: bool,
    /// The certificates, in the bundle's order.
    pub certificates: Vec<CertificateView>,
    /// The bundle as builders get it, PEM; empty without one.
    pub pem: String,
    /// SHA-256 of that text, in hex; unset without one.
    pub fingerprint: Option<String>,
    /// Where builders find it.
    pub path: String,
    /// What to look after, in plain words.
    pub warnings: Vec<String>,
    /// 0 before the first change, then 1, 2, 3 …
    pub revision: i64,
    /// Last change, milliseconds since 1970.
    pub updated_ms: Option<i64>,
    /// Login name of who made it.
    pub updated_by: Option<String>,
}

/// A change of the bundle, of the switch, or of both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct CertificatesInput {
    /// The switch; unset = as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inject: Option<bool>,
    /// Certificates as PEM, in place of those that are there; unset = as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pem: Option<String>,
    /// The revision that the change is based on; if it is not the current one, somebody else was faster. Unset = whatever is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
}

/// The bundle that a worker's builder was started with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkerCertificates {
    /// SHA-256 of the bundle, in hex.
    pub fingerprint: String,
    /// Whose certificates these are.
    pub subjects: Vec<String>,
    /// Where the builder finds them.
    pub path: String,
    /// Whether they are in the builder's trust store as well, so that nothing has to name them.
    pub trusted: bool,
    /// What that means for builds, in plain words.
    pub note: String,
}

//! What every handler can reach.

use axum::extract::FromRef;
use leptos::config::LeptosOptions;
use prt_core::Orchestrator;

/// The router's state. Cheap to clone.
#[derive(Clone, FromRef)]
pub struct AppState {
    /// The system.
    pub orchestrator: Orchestrator,
    /// Where the built web files are.
    pub leptos: LeptosOptions,
    /// Renders `/metrics`.
    pub metrics: metrics_exporter_prometheus::PrometheusHandle,
}

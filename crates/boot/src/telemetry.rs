//! Log lines and traces.

use opentelemetry::{InstrumentationScope, KeyValue, trace::TracerProvider as _};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing::Level;
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::filter_fn, fmt, layer::SubscriberExt as _, registry, util::SubscriberInitExt as _,
};

use crate::config::{Config, ConfigError, LogFormat};

/// Name of this program in traces.
const SERVICE: &str = "prt-console";

/// Sends what is left when it goes.
#[must_use]
pub struct Telemetry(Option<SdkTracerProvider>);

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(traces) = &self.0
            && let Err(error) = traces.shutdown()
        {
            tracing::warn!(%error, "the last traces are not sent");
        }
    }
}

/// Starts logging to standard error, and traces to a collector, as configured. Call once.
pub fn start(config: &Config) -> Result<Telemetry, ConfigError> {
    let filter = EnvFilter::try_new(&config.log).map_err(|error| ConfigError::Value {
        key: "log".into(),
        source_name: config.log.clone(),
        message: error.to_string(),
    })?;
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(true);
    let lines = match config.log_format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let traces = config.otlp_endpoint.as_deref().map(traces).transpose()?;
    let spans = traces.as_ref().map(|traces| {
        let tracer = traces.tracer_with_scope(InstrumentationScope::builder(SERVICE).build());
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(|about| {
                *about.level() <= Level::INFO && about.target().starts_with("prt_")
            }))
    });
    registry().with(spans).with(lines.with_filter(filter)).init();
    Ok(Telemetry(traces))
}

fn traces(endpoint: &str) -> Result<SdkTracerProvider, ConfigError> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{endpoint}/v1/traces"))
        .build()
        .map_err(|error| ConfigError::Value {
            key: "otlp_endpoint".into(),
            source_name: endpoint.to_owned(),
            message: error.to_string(),
        })?;
    let resource = Resource::builder()
        .with_service_name(SERVICE)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(SdkTracerProvider::builder()
        .with_resource(resource)
        .with_batch_exporter(exporter)
        .build())
}

//! Log lines.

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Config, ConfigError, LogFormat};

/// Starts logging to standard error as configured. Call once.
pub fn start(config: &Config) -> Result<(), ConfigError> {
    let filter = EnvFilter::try_new(&config.log).map_err(|error| ConfigError::Value {
        key: "log".into(),
        source_name: config.log.clone(),
        message: error.to_string(),
    })?;
    let lines = fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(true);
    match config.log_format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    Ok(())
}

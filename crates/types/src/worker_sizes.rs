//! Worker sizes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::WorkerSizeId;

pub use crate::security_contexts::SecurityContext;

/// CPU, memory and GPUs of one container, or of a whole size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Limits {
    /// Thousandths of a core.
    pub cpu_millis: i64,
    /// Mebibytes.
    pub memory_mib: i64,
    /// Whole GPUs.
    pub gpus: i64,
}

/// A worker size that the asker may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkerSizeView {
    /// The id.
    pub id: WorkerSizeId,
    /// The name, e.g. `Medium-restricted`.
    pub name: String,
    /// Gross CPU in thousandths of a core: what the size reserves.
    pub cpu_millis: i64,
    /// Net CPU in thousandths of a core: what the containers get together.
    pub cpu_net_millis: i64,
    /// Gross memory in mebibytes.
    pub memory_mib: i64,
    /// Net memory in mebibytes.
    pub memory_net_mib: i64,
    /// Whole GPUs.
    pub gpus: i64,
    /// Video memory in gibibytes.
    pub gpu_vram_gib: i64,
    /// The kind of GPU; empty = any.
    #[serde(default)]
    pub gpu_type: String,
    /// Labels of the nodes that it runs on; empty = any node.
    #[serde(default)]
    pub node_selector: BTreeMap<String, String>,
    /// The security context.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub security_context: SecurityContext,
    /// Whether it is taken when a request names none.
    pub default: bool,
}

/// A worker size as an admin writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkerSizeInput {
    /// The name, e.g. `Medium-restricted`.
    pub name: String,
    /// Gross CPU in thousandths of a core: what the size reserves.
    pub cpu_millis: i64,
    /// Net CPU in thousandths of a core: what the containers get together.
    pub cpu_net_millis: i64,
    /// Gross memory in mebibytes.
    pub memory_mib: i64,
    /// Net memory in mebibytes.
    pub memory_net_mib: i64,
    /// Whole GPUs.
    #[serde(default)]
    pub gpus: i64,
    /// Video memory in gibibytes.
    #[serde(default)]
    pub gpu_vram_gib: i64,
    /// The kind of GPU; empty = any.
    #[serde(default)]
    pub gpu_type: String,
    /// Labels of the nodes that it runs on, as Kubernetes writes them; empty = any node.
    #[serde(default)]
    pub node_selector: BTreeMap<String, String>,
    /// The security context.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub security_context: SecurityContext,
    /// Whether it is taken when a request names none. One size is; to make another the default, set it there.
    #[serde(default)]
    pub default: bool,
    /// Login names with access.
    #[serde(default)]
    pub users: Vec<String>,
    /// Group names with access.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Says that access to a privileged context is meant.
    #[serde(default)]
    pub confirm_privileged: bool,
    /// On an update: the `revision` that the editor saw, so that concurrent edits are detected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
}

/// A worker size as admins read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkerSizeDetail {
    /// What its users see.
    #[serde(flatten)]
    pub size: WorkerSizeView,
    /// Login names with access.
    pub users: Vec<String>,
    /// Group names with access.
    pub groups: Vec<String>,
    /// Workers that run on it.
    pub workers: Vec<String>,
    /// Changes with every update.
    pub revision: i64,
    /// When it was last changed.
    pub updated_ms: i64,
}

impl From<WorkerSizeDetail> for WorkerSizeInput {
    /// What an update would have to say to change nothing.
    fn from(detail: WorkerSizeDetail) -> Self {
        let size = detail.size;
        Self {
            name: size.name,
            cpu_millis: size.cpu_millis,
            cpu_net_millis: size.cpu_net_millis,
            memory_mib: size.memory_mib,
            memory_net_mib: size.memory_net_mib,
            gpus: size.gpus,
            gpu_vram_gib: size.gpu_vram_gib,
            gpu_type: size.gpu_type,
            node_selector: size.node_selector,
            security_context: size.security_context,
            default: size.default,
            users: detail.users,
            groups: detail.groups,
            confirm_privileged: false,
            revision: Some(detail.revision),
        }
    }
}

/// A request for a copy of a size: the same but for name, access and default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkerSizeCloneRequest {
    /// The copy's name.
    pub name: String,
}

/// Reads `2` or `0.5` of something that has `unit` parts, rounded to whole parts; none if it is no such number.
pub fn units(text: &str, unit: i64) -> Option<i64> {
    let text = text.trim();
    let plain = text.chars().all(|c| c.is_ascii_digit() || c == '.') && text.chars().any(|c| c.is_ascii_digit());
    let number: f64 = text.parse().ok().filter(|_| plain)?;
    let parts = (number * unit as f64).round();
    // Whole numbers up to 2^53 are exact in an f64.
    (parts < 9e15).then_some(parts as i64)
}

/// The other way: `0.5` for 512 of 1024, at most three decimals.
pub fn decimal(parts: i64, unit: i64) -> String {
    let text = format!("{:.3}", parts as f64 / unit as f64);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_and_written() {
        assert_eq!(units("2", 1000), Some(2000));
        assert_eq!(units(" 0.5 ", 1024), Some(512));
        for wrong in ["", ".", "-1", "two", "1e3", "1.2.3", "inf"] {
            assert_eq!(units(wrong, 1000), None, "{wrong:?}");
        }
        assert_eq!(decimal(512, 1024), "0.5");
        assert_eq!(decimal(2000, 1000), "2");
        assert_eq!(decimal(1, 1000), "0.001");
    }
}

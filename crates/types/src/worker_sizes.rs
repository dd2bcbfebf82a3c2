//! Worker sizes and security contexts.

use serde::{Deserialize, Serialize};

use crate::ids::WorkerSizeId;

/// How much freedom a size's containers get from the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum SecurityContext {
    /// uid 1000, `sudo` works, not privileged (Pod Security "baseline").
    #[default]
    Default,
    /// Non-root, no privilege escalation, all capabilities dropped (Pod Security "restricted").
    Restricted,
    /// Privileged, with the privileged builder.
    Privileged,
}

impl SecurityContext {
    /// The name as shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "Default",
            Self::Restricted => "Restricted",
            Self::Privileged => "Privileged",
        }
    }
}

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
    /// The security context.
    pub security_context: SecurityContext,
    /// Whether it is taken when a request names none.
    pub default: bool,
}

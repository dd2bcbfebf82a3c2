//! Workers that the engine has and the database does not know, e.g. after an older backup was restored.

use serde::{Deserialize, Serialize};

use crate::{ids::WorkerId, workers::ContainerView};

/// A worker of this installation without a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UnknownWorkerView {
    /// The id that the engine's objects carry.
    pub id: WorkerId,
    /// The name in the labels, e.g. `Worker-12`; empty without a label.
    pub name: String,
    /// Login name of the owner in the labels; empty without a label.
    pub owner: String,
    /// Whether a user of this name exists.
    pub owner_exists: bool,
    /// Whether it can be adopted: it has a primary container. Otherwise only containers or volumes of a removed worker are left.
    pub adoptable: bool,
    /// Its containers.
    pub containers: Vec<ContainerView>,
}

/// A request to adopt a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct AdoptRequest {
    /// Login name of the new owner; unset = the owner in the labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

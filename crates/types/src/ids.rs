//! Typed ids. Each is a UUIDv7 that core makes; the other crates only pass them on.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

id! {
    /// A person or a robot that can log in.
    UserId;
    /// A group of users.
    GroupId;
    /// A Container Image rule.
    ContainerImageId;
    /// A kept registry credential.
    RegistryCredentialId;
    /// A named secret.
    NamedSecretId;
    /// A worker size.
    WorkerSizeId;
    /// A worker; also the name of its engine objects.
    WorkerId;
    /// A build.
    BuildId;
    /// An API token.
    TokenId;
    /// An audit row.
    AuditId;
}

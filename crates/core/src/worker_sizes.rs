//! Worker sizes: what a worker gets, and who may take it.

mod edit;
mod validate;

use std::collections::BTreeMap;

use prt_types::{
    ids::WorkerSizeId,
    worker_sizes::{Limits, SecurityContext, WorkerSizeView},
};

use crate::{
    Orchestrator,
    access::everyone,
    authz::granted,
    clock::new_id,
    error::{Error, Result},
    names::Names,
    op_context::{Actor, OpContext},
    store::{Grantee, Repository, WorkerSize},
};

/// Set once the sizes were made, so that an admin who removes one does not find it back.
const SEEDED: &str = "worker_sizes.seeded";

/// The seed's sizes: name, gross and net CPU in thousandths, gross and net memory in mebibytes, context. Privileged ones are
/// granted to nobody at first.
const SEED: [(&str, i64, i64, i64, i64, SecurityContext); 6] = [
    ("X-Small", 500, 450, 1024, 960, SecurityContext::Default),
    ("Small", 1000, 950, 2048, 1920, SecurityContext::Default),
    ("Medium", 2000, 1900, 4096, 3840, SecurityContext::Default),
    ("Medium-restricted", 2000, 1900, 4096, 3840, SecurityContext::Restricted),
    ("Large", 4000, 3800, 8192, 7680, SecurityContext::Default),
    ("Medium-privileged", 2000, 1900, 4096, 3840, SecurityContext::Privileged),
];
const SEED_DEFAULT: &str = "Small";

impl Orchestrator {
    /// At the first start, makes the seed's sizes.
    pub(crate) async fn worker_sizes_seed(&self) -> Result<()> {
        let mut tx = self.write().await?;
        if tx.setting(SEEDED).await?.is_some() {
            return Ok(());
        }
        let everyone = everyone(&mut *tx).await?;
        for (name, cpu_millis, cpu_net_millis, memory_mib, memory_net_mib, security_context) in SEED {
            let grants = match security_context {
                SecurityContext::Default | SecurityContext::Restricted => vec![Grantee::Group(everyone.id)],
                SecurityContext::Privileged | SecurityContext::Own(_) => vec![],
            };
            let now = self.now_ms();
            let size = WorkerSize {
                id: WorkerSizeId(new_id()),
                name: name.into(),
                cpu_millis,
                cpu_net_millis,
                memory_mib,
                memory_net_mib,
                gpus: 0,
                gpu_vram_gib: 0,
                gpu_type: String::new(),
                node_selector: BTreeMap::new(),
                security_context,
                default: name == SEED_DEFAULT,
                grants,
                revision: 1,
                created_ms: now,
                updated_ms: now,
            };
            tx.worker_size_add(&size).await?;
        }
        tx.setting_put(SEEDED, "1").await?;
        Ok(tx.save().await?)
    }

    /// The sizes that the asker may use.
    pub async fn worker_size_list(&self, cx: &OpContext) -> Result<Vec<WorkerSizeView>> {
        let actor = cx.actor()?;
        let sizes = self.read().await?.worker_sizes().await?;
        Ok(sizes
            .into_iter()
            .filter(|size| granted(actor, &size.grants))
            .map(view)
            .collect())
    }

    /// The size of that name, or the default one, if the actor may use it. A refusal does not tell which other sizes exist.
    pub(crate) async fn worker_size_authorize(
        &self,
        tx: &mut dyn Repository,
        actor: &Actor,
        name: Option<&str>,
    ) -> Result<WorkerSize> {
        let (mine, others): (Vec<WorkerSize>, Vec<WorkerSize>) = tx
            .worker_sizes()
            .await?
            .into_iter()
            .partition(|size| granted(actor, &size.grants));
        let found = match name {
            Some(name) => mine.iter().find(|size| size.name == name),
            None => mine.iter().find(|size| size.default).or(mine.first()),
        };
        found.cloned().ok_or_else(|| {
            let names: Vec<&str> = mine.iter().map(|size| size.name.as_str()).collect();
            let list = if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            };
            let what = name.map_or_else(
                || "There is no default worker size".to_owned(),
                |name| format!("There is no worker size {name}"),
            );
            let mut error = Error::field(
                "worker_size",
                format!("{what} for {}. Sizes you may use: {list}.", actor.username),
            );
            if let Error::InvalidInput { refused, .. } = &mut error {
                *refused = others
                    .iter()
                    .find(|size| Some(size.name.as_str()) == name)
                    .map(|size| format!("The worker size {} is not granted to {}.", size.name, actor.username));
            }
            error
        })
    }
}

/// Splits a size's net limits: the builder gets `capacity` percent rounded down, the primary the rest, so that they add up.
pub(crate) fn split(limits: Limits, capacity: i64) -> (Limits, Limits) {
    let part = |value: i64| value * capacity / 100;
    let builder = Limits {
        cpu_millis: part(limits.cpu_millis),
        memory_mib: part(limits.memory_mib),
        gpus: part(limits.gpus),
    };
    let primary = Limits {
        cpu_millis: limits.cpu_millis - builder.cpu_millis,
        memory_mib: limits.memory_mib - builder.memory_mib,
        gpus: limits.gpus - builder.gpus,
    };
    (primary, builder)
}

/// Login names and group names of grantees, sorted.
pub(crate) async fn grantee_names(tx: &mut dyn Repository, grants: &[Grantee]) -> Result<(Vec<String>, Vec<String>)> {
    Ok(Names::of(tx, grants.to_vec()).await?.sorted(grants))
}

/// Who has access, in words.
pub(crate) fn audience(users: &[String], groups: &[String]) -> String {
    let groups = groups.iter().map(|group| format!("group {group}"));
    let all: Vec<String> = groups.chain(users.iter().cloned()).collect();
    if all.is_empty() {
        "nobody".into()
    } else {
        all.join(", ")
    }
}

fn view(size: WorkerSize) -> WorkerSizeView {
    WorkerSizeView {
        id: size.id,
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
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sixty_percent_goes_to_the_builder() {
        let size = Limits {
            cpu_millis: 1900,
            memory_mib: 3840,
            gpus: 1,
        };
        let (primary, builder) = split(size, 60);
        assert_eq!(
            builder,
            Limits {
                cpu_millis: 1140,
                memory_mib: 2304,
                gpus: 0
            }
        );
        assert_eq!(
            primary,
            Limits {
                cpu_millis: 760,
                memory_mib: 1536,
                gpus: 1
            }
        );
    }

    proptest! {
        #[test]
        fn the_parts_add_up(cpu_millis in 0i64..1_000_000, memory_mib in 0i64..10_000_000, gpus in 0i64..64, capacity in 1i64..=99) {
            let size = Limits { cpu_millis, memory_mib, gpus };
            let (a, b) = split(size, capacity);
            prop_assert_eq!(a.cpu_millis + b.cpu_millis, cpu_millis);
            prop_assert_eq!(a.memory_mib + b.memory_mib, memory_mib);
            prop_assert_eq!(a.gpus + b.gpus, gpus);
            prop_assert!(a.cpu_millis >= 0 && b.cpu_millis >= 0 && a.memory_mib >= 0 && b.memory_mib >= 0);
        }
    }
}

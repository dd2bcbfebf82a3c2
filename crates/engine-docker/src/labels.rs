//! Names and labels of our objects. A restarted console finds everything by them.

use std::collections::HashMap;

use prt_core::engine::WorkerPlan;
use prt_types::{ids::WorkerId, workers::ContainerRole};

pub const INSTANCE: &str = "io.prt-console.instance";
pub const WORKER_ID: &str = "io.prt-console.worker-id";
pub const WORKER_NAME: &str = "io.prt-console.worker-name";
pub const OWNER: &str = "io.prt-console.owner";
pub const ROLE: &str = "io.prt-console.role";

/// The builder is the exception, so everything that is not one is the primary.
pub const ROLES: [ContainerRole; 2] = [ContainerRole::Primary, ContainerRole::Builder];

pub fn container_name(worker: WorkerId, role: ContainerRole) -> String {
    format!("prt-{worker}-{}", role.name())
}

pub fn volume_name(worker: WorkerId, volume: &str) -> String {
    format!("prt-{worker}-{volume}")
}

pub fn network_name(instance: &str) -> String {
    format!("prt-{instance}")
}

/// Labels of one object of a worker; `role` is `primary`, `builder`, or `volume`.
pub fn of_worker(instance: &str, plan: &WorkerPlan, role: &str) -> HashMap<String, String> {
    let mut labels = of_instance(instance, role);
    labels.insert(WORKER_ID.into(), plan.worker_id.to_string());
    labels.insert(WORKER_NAME.into(), plan.worker_name.clone());
    labels.insert(OWNER.into(), plan.owner.clone());
    labels
}

/// Labels of an object that all workers share.
pub fn of_instance(instance: &str, role: &str) -> HashMap<String, String> {
    HashMap::from([(INSTANCE.into(), instance.into()), (ROLE.into(), role.into())])
}

/// A filter for list calls: this installation's objects, or those of one of its workers.
pub fn filter(instance: &str, worker: Option<WorkerId>) -> HashMap<String, Vec<String>> {
    let mut wanted = vec![format!("{INSTANCE}={instance}")];
    wanted.extend(worker.map(|id| format!("{WORKER_ID}={id}")));
    HashMap::from([("label".into(), wanted)])
}

/// Whose object it is, if it is one of ours.
pub fn worker_of(labels: &HashMap<String, String>) -> Option<WorkerId> {
    labels.get(WORKER_ID)?.parse().ok()
}

/// Name and owner, as far as they are labelled.
pub fn described(labels: &HashMap<String, String>) -> (String, String) {
    let of = |label| labels.get(label).cloned().unwrap_or_default();
    (of(WORKER_NAME), of(OWNER))
}

pub fn role_of(labels: &HashMap<String, String>) -> Option<ContainerRole> {
    let role = labels.get(ROLE)?;
    ROLES.into_iter().find(|known| known.name() == role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_always_name_the_instance() {
        let worker = "018f3a5e-0000-7000-8000-000000000001".parse().unwrap();
        assert_eq!(filter("home", None)["label"], ["io.prt-console.instance=home"]);
        assert_eq!(
            filter("home", Some(worker))["label"],
            [
                "io.prt-console.instance=home",
                "io.prt-console.worker-id=018f3a5e-0000-7000-8000-000000000001"
            ]
        );
    }

    #[test]
    fn roles_are_read_back() {
        assert_eq!(role_of(&of_instance("i", "builder")), Some(ContainerRole::Builder));
        assert_eq!(role_of(&of_instance("i", "volume")), None);
    }
}

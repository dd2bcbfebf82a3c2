//! `worker unknown list`.

use prt_types::unknown_workers::UnknownWorkerView;

use crate::{
    error::Result,
    output::{date, table},
    session::Session,
};

pub async fn run(session: &Session) -> Result<()> {
    let workers = session.client.unknown_workers().await?;
    session.out.show(&workers, |workers| {
        let rows: Vec<Vec<String>> = workers.iter().flat_map(rows).collect();
        table(
            &["NAME", "ID", "OWNER", "CONTAINER", "STATE", "STARTED", "IMAGE"],
            &rows,
        )
    })
}

/// One for each container.
fn rows(worker: &UnknownWorkerView) -> Vec<Vec<String>> {
    let owner = match (worker.owner.as_str(), worker.owner_exists) {
        ("", _) => "-".to_owned(),
        (owner, true) => owner.to_owned(),
        (owner, false) => format!("{owner} (no such user)"),
    };
    let row = |container: &str, state: &str, started: String, image: &str| {
        let name = super::name(worker);
        [&name, &worker.id.to_string(), &owner, container, state, &started, image]
            .map(str::to_owned)
            .to_vec()
    };
    if worker.containers.is_empty() {
        return vec![row("none", "volumes only", "-".into(), "-")];
    }
    let containers = worker.containers.iter();
    containers
        .map(|one| {
            let started = one.started_ms.map_or("-".into(), date);
            row(one.role.name(), one.state.name(), started, &one.image)
        })
        .collect()
}

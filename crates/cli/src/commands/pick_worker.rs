//! Which worker a build runs in when none is named.

use std::fmt::Write as _;

use prt_types::workers::{WorkerStatus, WorkerView};

use crate::{
    error::{CliError, Result},
    session::Session,
};

/// The named worker, or the only one of the user's that can build.
pub async fn pick(session: &Session, named: Option<&str>) -> Result<String> {
    if let Some(name) = named.map(str::trim).filter(|name| !name.is_empty()) {
        return Ok(name.to_owned());
    }
    // An admin sees everybody's workers, but means their own.
    let (me, workers) = tokio::try_join!(session.client.me(), session.client.workers(false))?;
    only(
        workers
            .into_iter()
            .filter(|worker| worker.owner == me.username)
            .collect(),
    )
}

fn only(workers: Vec<WorkerView>) -> Result<String> {
    let builders: Vec<&WorkerView> = workers
        .iter()
        .filter(|worker| worker.builder && worker.status == WorkerStatus::Running)
        .collect();
    match builders[..] {
        [one] => Ok(one.name.clone()),
        [] => {
            let mut message = "no worker is given, and you have none that runs with a builder".to_owned();
            for worker in &workers {
                let builder = if worker.builder {
                    "with a builder"
                } else {
                    "without a builder"
                };
                _ = write!(message, "\n  {}: {}, {builder}", worker.name, worker.status.name());
            }
            Err(CliError::usage_hint(
                message,
                "start one with `prtcli worker create --image IMAGE --builder`",
            ))
        }
        _ => {
            let names: Vec<&str> = builders.iter().map(|worker| worker.name.as_str()).collect();
            Err(CliError::usage_hint(
                format!(
                    "no worker is given, and you have several with a builder: {}",
                    names.join(", ")
                ),
                format!("choose one, e.g. --worker {}", names[0]),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(name: &str, status: &str, builder: bool) -> WorkerView {
        serde_json::from_value(serde_json::json!({
            "name": name, "instance_id": "0190b2f4-0000-7000-8000-000000000001", "owner": "ada", "image": "i",
            "image_digest": null, "size": "Medium", "limits": {"cpu_millis": 1, "memory_mib": 1, "gpus": 0},
            "security_context": "Default", "status": status, "reason": null, "message": "", "ready": true,
            "builder": builder, "builder_capacity": null, "active_build": null, "created_ms": 0, "ready_ms": null,
            "ended_ms": null, "stop_reason": null,
        }))
        .unwrap()
    }

    #[test]
    fn the_only_one_that_can_build_is_taken() {
        let workers = vec![
            worker("W-1", "Running", false),
            worker("W-2", "Running", true),
            worker("W-3", "Failed", true),
        ];
        assert_eq!(only(workers).unwrap(), "W-2");
    }

    #[test]
    fn none_or_several_are_listed() {
        let none = only(vec![worker("W-1", "Running", false), worker("W-3", "Failed", true)]).unwrap_err();
        assert_eq!(none.exit_code(), 2);
        assert!(
            none.text()
                .ends_with("builder\n  W-1: Running, without a builder\n  W-3: Failed, with a builder")
        );
        let several = only(vec![worker("W-1", "Running", true), worker("W-2", "Running", true)]).unwrap_err();
        assert_eq!(several.exit_code(), 2);
        assert!(several.text().ends_with("W-1, W-2"));
    }
}

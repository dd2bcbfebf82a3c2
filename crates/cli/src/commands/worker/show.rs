//! `worker show NAME`.

use prt_types::workers::WorkerView;

use crate::{
    error::Result,
    output::{date, duration, facts, table},
    session::Session,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The worker
    #[arg(env = "PRT_WORKER")]
    name: String,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let worker = session.client.worker(&args.name).await?;
    session
        .out
        .show(&worker, |worker| format!("{}{}", describe(worker), details(worker)))
}

/// The worker's own facts.
pub fn describe(worker: &WorkerView) -> String {
    let status = match worker.reason {
        Some(reason) => format!("{} ({})", worker.status.name(), reason.name()),
        None => worker.status.name().to_owned(),
    };
    facts(&[
        ("name", Some(worker.name.clone())),
        ("status", Some(status)),
        ("message", Some(worker.message.clone()).filter(|text| !text.is_empty())),
        ("image", Some(worker.image.clone())),
        ("digest", worker.image_digest.clone()),
        (
            "size",
            Some(format!("{} ({})", worker.size, worker.security_context.name())),
        ),
        (
            "builder",
            worker.builder.then(|| {
                worker
                    .builder_capacity
                    .map_or("yes".into(), |share| format!("{share}%"))
            }),
        ),
        ("reached by", Some(worker.network_protocol.clone())),
        ("personal secrets", listed(&worker.personal_secrets)),
        ("shared secrets", listed(&worker.shared_secrets)),
        (
            "parameters",
            (!worker.additional_params.is_empty())
                .then(|| serde_json::to_string(&worker.additional_params).unwrap_or_default()),
        ),
        ("builds now", worker.active_build.map(|number| format!("#{number}"))),
        (
            "certificates",
            worker
                .certificates
                .as_ref()
                .map(|given| format!("{} (bundle {})", given.subjects.join("; "), given.fingerprint)),
        ),
        ("owner", Some(worker.owner.clone())),
        ("created", Some(date(worker.created_ms))),
        (
            "ready after",
            worker.ready_ms.map(|ready| duration(ready - worker.created_ms)),
        ),
        ("ended", worker.ended_ms.map(date)),
        ("stop reason", worker.stop_reason.clone()),
    ])
}

fn listed(names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| names.join(", "))
}

fn details(worker: &WorkerView) -> String {
    let mut text = String::new();
    if !worker.containers.is_empty() {
        let rows: Vec<Vec<String>> = worker
            .containers
            .iter()
            .map(|container| {
                vec![
                    container.role.name().to_owned(),
                    container.exit_code.map_or_else(
                        || container.state.name().to_owned(),
                        |code| format!("{} ({code})", container.state.name()),
                    ),
                    format!("{}m", container.limits.cpu_millis),
                    format!("{}Mi", container.limits.memory_mib),
                    container.error.clone().unwrap_or_else(|| container.image.clone()),
                ]
            })
            .collect();
        text.push_str("\n\n");
        text.push_str(&table(&["CONTAINER", "STATE", "CPU", "MEMORY", "IMAGE"], &rows));
    }
    if !worker.events.is_empty() {
        let rows: Vec<Vec<String>> = worker
            .events
            .iter()
            .map(|event| {
                vec![
                    date(event.at_ms),
                    event.source.clone(),
                    event.kind.clone(),
                    event.message.clone(),
                ]
            })
            .collect();
        text.push_str("\n\n");
        text.push_str(&table(&["TIME", "SOURCE", "EVENT", "MESSAGE"], &rows));
    }
    text
}

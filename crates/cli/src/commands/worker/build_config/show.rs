//! `worker build-config show`.

use prt_types::build_config::BuildConfigView;

use crate::{
    commands::pick_worker::pick,
    error::Result,
    output::{date, facts},
    session::Session,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The worker; default: the only one of yours that can build
    #[arg(env = "PRT_WORKER")]
    worker: Option<String>,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let worker = pick(session, args.worker.as_deref()).await?;
    let view = session.client.build_config(&worker).await?;
    session.out.show(&view, |view| describe(&worker, view))
}

fn describe(worker: &str, view: &BuildConfigView) -> String {
    let head = facts(&[
        ("worker", Some(worker.to_owned())),
        ("state", Some(view.state.name().to_owned())),
        ("message", Some(view.message.clone()).filter(|text| !text.is_empty())),
        ("mode", Some(view.mode.name().to_owned())),
        (
            "insecure registries",
            Some(view.insecure_registries.join(", ")).filter(|text| !text.is_empty()),
        ),
        ("changed", view.updated_ms.map(date)),
        ("by", view.updated_by.clone()),
    ]);
    format!("{head}\n\n{}", view.active.trim_end())
}

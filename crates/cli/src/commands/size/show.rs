//! `size show NAME`.

use prt_types::worker_sizes::WorkerSizeDetail;

use super::find;
use crate::{error::Result, output::facts, session::Session};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The size
    name: String,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let size = find(session, &args.name).await?;
    session.out.show(&size, text)
}

pub fn text(detail: &WorkerSizeDetail) -> String {
    let size = &detail.size;
    let selector: Vec<String> = size
        .node_selector
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let some = |list: &[String]| (!list.is_empty()).then(|| list.join(", "));
    facts(&[
        ("name", Some(size.name.clone())),
        (
            "cpu",
            Some(format!("{}m, net {}m", size.cpu_millis, size.cpu_net_millis)),
        ),
        (
            "memory",
            Some(format!("{}Mi, net {}Mi", size.memory_mib, size.memory_net_mib)),
        ),
        ("gpus", Some(size.gpus.to_string())),
        (
            "vram",
            (size.gpu_vram_gib > 0).then(|| format!("{}Gi", size.gpu_vram_gib)),
        ),
        ("gpu type", (!size.gpu_type.is_empty()).then(|| size.gpu_type.clone())),
        ("node selector", some(&selector)),
        ("security", Some(size.security_context.name().to_owned())),
        ("default", Some(if size.default { "yes" } else { "no" }.into())),
        ("users", some(&detail.users)),
        ("groups", some(&detail.groups)),
        ("workers", some(&detail.workers)),
    ])
}

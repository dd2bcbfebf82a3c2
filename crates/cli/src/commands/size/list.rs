//! `size list`.

use prt_types::worker_sizes::WorkerSizeView;

use crate::{error::Result, output::table, session::Session};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Also those that you may not use (admins only)
    #[arg(long, short)]
    all: bool,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let sizes: Vec<WorkerSizeView> = if args.all {
        let all = session.client.worker_sizes_all().await?;
        all.into_iter().map(|detail| detail.size).collect()
    } else {
        session.client.worker_sizes().await?
    };
    session.out.show(&sizes, |sizes| {
        let rows: Vec<Vec<String>> = sizes
            .iter()
            .map(|size| {
                vec![
                    if size.default {
                        format!("{} (default)", size.name)
                    } else {
                        size.name.clone()
                    },
                    format!("{:.2}", size.cpu_net_millis as f64 / 1000.0),
                    format!("{}Mi", size.memory_net_mib),
                    match size.gpu_vram_gib {
                        0 => size.gpus.to_string(),
                        vram => format!("{} ({vram}Gi)", size.gpus),
                    },
                    size.security_context.name().to_owned(),
                ]
            })
            .collect();
        table(&["NAME", "CPU", "MEMORY", "GPUS", "SECURITY"], &rows)
    })
}

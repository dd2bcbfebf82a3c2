//! `size list`.

use crate::{error::Result, output::table, session::Session};

pub async fn run(session: &Session) -> Result<()> {
    let sizes = session.client.worker_sizes().await?;
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
                    size.gpus.to_string(),
                    size.security_context.name().to_owned(),
                ]
            })
            .collect();
        table(&["NAME", "CPU", "MEMORY", "GPUS", "SECURITY"], &rows)
    })
}

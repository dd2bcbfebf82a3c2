//! `worker notebook NAME`.

use prt_types::workers::NotebookRequest;

use crate::{error::Result, session::Session};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The worker
    #[arg(env = "PRT_WORKER")]
    name: String,
    /// With JupyterLab's light theme
    #[arg(long)]
    light: bool,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let request = NotebookRequest { dark_mode: !args.light };
    let link = session.client.notebook_open(&args.name, &request).await?;
    session.out.show(&link, |link| link.url.clone())
}

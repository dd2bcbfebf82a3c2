//! `worker cache NAME [--prune]`.

use prt_types::builders::BuilderCache;

use crate::{error::Result, output::bytes, session::Session};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The worker
    name: String,
    /// Empty the cache
    #[arg(long)]
    prune: bool,
}

pub async fn run(args: &Args, session: &Session) -> Result<()> {
    if args.prune {
        let pruned = session.client.worker_cache_prune(&args.name).await?;
        return session.out.show(&pruned, |pruned| {
            format!("{} freed; {}", bytes(pruned.freed_bytes), text(&pruned.left))
        });
    }
    let cache = session.client.worker_cache(&args.name).await?;
    session.out.show(&cache, text)
}

fn text(cache: &BuilderCache) -> String {
    format!(
        "{} in {} parts, of which {} can be freed",
        bytes(cache.total_bytes),
        cache.records,
        bytes(cache.reclaimable_bytes)
    )
}

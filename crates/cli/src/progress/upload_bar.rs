//! Sending a local folder, with a bar on a terminal.

use std::{
    collections::HashMap,
    path::Path,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use prt_client::ClientError;
use prt_types::{
    ErrorCode,
    contexts::{ContextEntryType, ContextManifest, ContextView},
};

use super::{
    ProgressMode, Stream,
    frame::{Line, Tone, ends, gauge, share},
    live::writer,
    screen::{self, Screen},
};
use crate::{
    error::{CliError, Result},
    output::{Out, bytes, duration},
    sanitize::visible_lines,
    session::Session,
    upload::{
        hashes::Hashes,
        scan::Scan,
        stream::{self, Content},
    },
};

const FRAME: Duration = Duration::from_millis(100);
/// How often a folder is read again that changes while it is sent.
const SCANS: u32 = 3;

/// Sends a scanned folder to a worker's builder and returns the context's id. What the builder has already is not sent again.
pub async fn upload(
    session: &Session,
    worker: &str,
    scan: impl Fn() -> Result<Scan>,
    mode: ProgressMode,
    quiet: bool,
) -> Result<String> {
    let mut hashes = Hashes::of_user();
    let mut tries = 1;
    loop {
        let scan = scan()?;
        let manifest = scan.manifest(&mut hashes)?;
        hashes.save();
        if tries == 1 && !quiet {
            for path in &scan.left_out {
                let path = visible_lines(&path.display().to_string());
                Out::note(&format!("not sent: {path} is a pipe, a socket or a device"));
            }
        }
        let sent = send(session, worker, &scan, &manifest, mode, quiet).await;
        match sent {
            // What was hashed is not what was sent.
            Err(CliError::Client(error)) if changed(&error) && tries < SCANS => {
                tries += 1;
                hashes.clear();
            }
            other => return other,
        }
    }
}

fn changed(error: &ClientError) -> bool {
    error.api().is_some_and(|error| {
        error.code == ErrorCode::InvalidInput && error.message.contains("changed while it was sent")
    })
}

async fn send(
    session: &Session,
    worker: &str,
    scan: &Scan,
    manifest: &ContextManifest,
    mode: ProgressMode,
    quiet: bool,
) -> Result<String> {
    let mut patience = session.client.patience();
    let mut least = usize::MAX;
    loop {
        let sent = async {
            let offered = session.client.context_offer(worker, manifest).await?;
            let contents = contents(&scan.root, manifest, &offered);
            if contents.len() < least {
                // It has come further: the connection is not lost.
                least = contents.len();
                patience = session.client.patience();
            }
            fill(session, worker, offered, contents, scan.files(), mode, quiet).await
        };
        match sent.await {
            // What has come stays there, so trying again is cheap.
            Err(CliError::Client(error)) if patience.again(&error).await => {}
            other => return other,
        }
    }
}

/// Which files have what is missing.
fn contents(root: &Path, manifest: &ContextManifest, offered: &ContextView) -> Vec<Content> {
    let files = manifest
        .entries
        .iter()
        .filter(|entry| entry.kind == ContextEntryType::File);
    let of_hash: HashMap<&str, _> = files.map(|entry| (entry.sha256.as_str(), entry)).collect();
    let missing = offered.missing.iter().filter_map(|hash| of_hash.get(hash.as_str()));
    missing
        .map(|entry| Content {
            sha256: entry.sha256.clone(),
            size: entry.size,
            path: root.join(&entry.path),
        })
        .collect()
}

async fn fill(
    session: &Session,
    worker: &str,
    offered: ContextView,
    contents: Vec<Content>,
    files: usize,
    mode: ProgressMode,
    quiet: bool,
) -> Result<String> {
    let to = Stream::of(&session.out);
    let terminal = to.is_terminal(&session.out);
    let drawn = !quiet && mode.resolve(terminal) == ProgressMode::Tty;
    let (total, changed) = (stream::tar_bytes(&contents), contents.len());
    if !quiet && !drawn {
        let what = if changed == 0 {
            "nothing to send".to_owned()
        } else {
            format!("sending {changed} ({})", bytes(offered.missing_bytes as i64))
        };
        Out::note(&format!("context of {files} files for {worker}: {what}"));
    }
    if contents.is_empty() {
        return Ok(offered.id);
    }
    let mut screen = Screen::new(session.out.colors(terminal));
    let begun = Instant::now();
    let tar = stream::start(contents);
    let mut sending = std::pin::pin!(session.client.context_fill(worker, &offered.id, tar.body));
    let mut frames = tokio::time::interval(FRAME);
    let mut show = |done: u64, over: bool| {
        let (width, _) = screen::size();
        let took = duration(i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX));
        let bar = if over {
            format!("{} {took}", bytes(done as i64))
        } else {
            let part = share(done as i64, total as i64).unwrap_or(1.0);
            format!(
                "{} / {} {} {took}",
                bytes(done as i64),
                bytes(total as i64),
                gauge(part, 20)
            )
        };
        let text = ends(
            &format!("[+] Uploading the context, {changed} of {files} files"),
            &bar,
            width,
        );
        let lines = [Line {
            text,
            tone: if over { Tone::Done } else { Tone::Plain },
        }];
        let to = &mut *writer(to);
        if over {
            screen.finish(to, &lines, width)
        } else {
            screen.draw(to, &lines, width)
        }
    };
    let sent = loop {
        tokio::select! {
            sent = &mut sending => break sent,
            _ = frames.tick(), if drawn => show(tar.sent.load(Ordering::Relaxed), false).map_err(CliError::output)?,
        }
    };
    if drawn {
        show(tar.sent.load(Ordering::Relaxed), true).map_err(CliError::output)?;
    }
    match sent {
        Ok(view) if view.missing.is_empty() => Ok(view.id),
        Ok(view) => Err(CliError::failed_hint(
            format!("the builder misses {} files of the context", view.missing.len()),
            "start the build again",
        )),
        Err(error) if error.api().is_some() => Err(error.into()),
        // The maker's error is the cause of the broken upload, unless it only says that nobody took its parts.
        Err(error) => match tokio::time::timeout(Duration::from_secs(1), tar.maker).await {
            Ok(Ok(Err(source))) if source.kind() != std::io::ErrorKind::BrokenPipe => Err(CliError::Io {
                what: "cannot upload the context".into(),
                source,
            }),
            _ => Err(error.into()),
        },
    }
}

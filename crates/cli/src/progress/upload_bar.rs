//! Sending a local folder, with a bar on a terminal.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
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
    session::Session,
    upload::{scan::Scan, stream},
};

const FRAME: Duration = Duration::from_millis(100);

/// Puts a scanned folder into a worker's build folder.
pub async fn upload(
    session: &Session,
    worker: &str,
    path: &str,
    scan: Scan,
    mode: ProgressMode,
    quiet: bool,
) -> Result<()> {
    let to = Stream::of(&session.out);
    let terminal = to.is_terminal(&session.out);
    let drawn = !quiet && mode.resolve(terminal) == ProgressMode::Tty;
    let (total, files) = (scan.tar_bytes(), scan.files());
    if !quiet && !drawn {
        Out::note(&format!(
            "uploading {files} files ({}) to {worker}",
            bytes(total as i64)
        ));
    }
    let mut screen = Screen::new(session.out.colors(terminal));
    let begun = Instant::now();
    let tar = stream::start(scan);
    let mut sending = std::pin::pin!(session.client.worker_put_context(worker, path, tar.body));
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
        let text = ends(&format!("[+] Uploading the context, {files} files"), &bar, width);
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
        Ok(()) => Ok(()),
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

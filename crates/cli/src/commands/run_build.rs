//! What `build`, `build-container-image` and `builds rerun` share: start, follow, tell how it ended.

use std::{future::Future, path::PathBuf, time::Duration};

use prt_client::ClientError;
use prt_types::{
    build_events::BuildEnd,
    builds::{BuildStatus, BuildView},
};

use crate::{
    error::{CliError, FAILED, Result},
    output::Out,
    progress::{Interrupts, ProgressMode, Sink, Watched, watch},
    sanitize::visible_lines,
    session::Session,
};

/// How often the finished build is asked for, once a second, while the server cannot be reached.
const VIEW_TRIES: u32 = 30;

/// How a build is shown.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Show {
    /// How to show the build
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub progress: ProgressMode,
    /// Show nothing but the digest at the end
    #[arg(long, short)]
    pub quiet: bool,
    /// Start the build and do not wait for it
    #[arg(long)]
    pub detach: bool,
}

/// Files that are written when a build has succeeded.
#[derive(Debug, Default)]
pub struct Results {
    /// With the digest alone.
    pub iidfile: Option<PathBuf>,
    /// With names and digest, as BuildKit calls them.
    pub metadata_file: Option<PathBuf>,
}

impl Results {
    fn write(&self, build: &BuildView, digest: Option<&str>) -> Result<()> {
        let digest = digest.unwrap_or_default();
        let names: Vec<&str> = std::iter::once(&build.reference)
            .chain(&build.options.additional_tags)
            .map(String::as_str)
            .collect();
        let metadata = serde_json::json!({ "containerimage.digest": digest, "image.name": names.join(",") });
        for (path, text) in [
            (&self.iidfile, digest.to_owned()),
            (&self.metadata_file, format!("{metadata:#}\n")),
        ] {
            let Some(path) = path else { continue };
            std::fs::write(path, text).map_err(|source| CliError::Io {
                what: format!("cannot write {}", path.display()),
                source,
            })?;
        }
        Ok(())
    }
}

/// Starts a build and follows it as asked. The exit code is the build's.
pub async fn run<F>(session: &Session, start: F, show: Show) -> Result<()>
where
    F: Future<Output = Result<BuildView, ClientError>>,
{
    run_to(session, start, show, &Results::default()).await
}

/// The same, and what became of it in files.
pub async fn run_to<F>(session: &Session, start: F, show: Show, results: &Results) -> Result<()>
where
    F: Future<Output = Result<BuildView, ClientError>>,
{
    if show.detach {
        return detached(session, &start.await?, show.quiet);
    }
    // Before the start, so that a Ctrl-C while the server checks the inputs still cancels what comes of it.
    let mut interrupts = Interrupts::listen();
    let build = {
        let mut start = std::pin::pin!(start);
        let mut asked = false;
        loop {
            tokio::select! {
                build = &mut start => {
                    let build = build?;
                    if asked {
                        session.client.build_cancel(build.number).await?;
                    }
                    break build;
                }
                () = interrupts.next() => {
                    if std::mem::replace(&mut asked, true) {
                        return Err(CliError::failed_hint("left before the build's start", "see `prtcli builds list`"));
                    }
                    Out::note("canceling… (press Ctrl-C again to leave at once)");
                }
            }
        }
    };
    let mut sink = Sink::new(show.progress, show.quiet, &session.out);
    let end = match watch(session, build.number, &mut sink, Watched::Ours(&mut interrupts)).await {
        // The build goes on, and nobody is there to be told how it ends: that is not a success.
        Err(CliError::ClosedOutput) => return Err(CliError::Exit(FAILED)),
        other => other?,
    };
    if end.status == BuildStatus::Succeeded {
        results.write(&build, end.digest.as_deref())?;
    }
    tell(session, &build, &end, show.quiet, sink.is_for_programs()).await
}

fn detached(session: &Session, build: &BuildView, quiet: bool) -> Result<()> {
    session.out.show(build, |build| {
        if quiet {
            return build.number.to_string();
        }
        format!(
            "build #{0} of {1} runs in {2}\nfollow it: prtcli builds logs {0} --follow",
            build.number, build.reference, build.worker
        )
    })
}

async fn tell(session: &Session, build: &BuildView, end: &BuildEnd, quiet: bool, for_programs: bool) -> Result<()> {
    if session.out.is_json() {
        Out::json(&finished(session, build.number).await?)?;
    } else if end.status == BuildStatus::Succeeded {
        let text = success(build, end);
        if quiet {
            Out::line(end.digest.as_deref().unwrap_or(&build.reference))?;
        } else if for_programs {
            Out::note(&text);
        } else {
            Out::line(&text)?;
        }
    }
    outcome(build, end)
}

/// The last lines: what was made, and what to do with it.
fn success(build: &BuildView, end: &BuildEnd) -> String {
    let reference = &build.reference;
    if !build.push_image {
        let kept = "it stays in the builder's cache: build with a push to start workers with it";
        return format!("built {reference}, not pushed\n{kept}");
    }
    let digest = end
        .digest
        .as_ref()
        .map(|digest| format!("@{digest}"))
        .unwrap_or_default();
    format!(
        "built and pushed {reference}{digest}\nstart a worker with it: prtcli worker create --image {reference} --pull-policy Always"
    )
}

/// The exit code and the words of an end.
fn outcome(build: &BuildView, end: &BuildEnd) -> Result<()> {
    let number = build.number;
    match end.status {
        BuildStatus::Succeeded => Ok(()),
        BuildStatus::Canceled => Err(CliError::Failed {
            message: format!("build #{number} was canceled"),
            hint: None,
        }),
        BuildStatus::Failed | BuildStatus::Pending | BuildStatus::Running | BuildStatus::Canceling => {
            let reason = end
                .reason
                .map(|reason| format!(" ({})", reason.name()))
                .unwrap_or_default();
            let step = end
                .step
                .as_ref()
                .map(|step| format!("\n  step: {step}"))
                .unwrap_or_default();
            let message = visible_lines(&format!("build #{number} failed{reason}: {}{step}", end.message));
            Err(CliError::Failed { message, hint: None })
        }
    }
}

/// The build's final record. The log's end can come a moment before a console that restarts answers again.
async fn finished(session: &Session, number: i64) -> Result<BuildView> {
    let mut tries = 1;
    loop {
        match session.client.build(number).await {
            Err(error) if error.is_temporary() && tries < VIEW_TRIES => {
                tries += 1;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            other => return Ok(other?),
        }
    }
}

#[cfg(test)]
pub mod tests {
    use prt_types::builds::BuildReason;

    use super::*;

    pub fn build(push_image: bool) -> BuildView {
        serde_json::from_value(serde_json::json!({
            "number": 7, "id": "0190b2f4-0000-7000-8000-000000000001", "worker": "Worker-1", "owner": "ada", "door": "cli",
            "name": "r/x", "tag": "1", "reference": "r/x:1", "push_image": push_image, "build_args": {}, "credentials": [],
            "insecure_registry": false, "no_cache": false, "context": "", "dockerfile": "", "status": "Running",
            "reason": null, "message": "", "step": null, "digest": null, "rerun_of": null, "created_ms": 0,
            "started_ms": null, "ended_ms": null, "steps": 0, "steps_cached": 0, "lines": 0, "last_seq": 0,
        }))
        .unwrap()
    }

    fn end(status: BuildStatus) -> BuildEnd {
        BuildEnd {
            status,
            reason: (status == BuildStatus::Failed).then_some(BuildReason::StepFailed),
            message: "make: *** [all] \u{1b}[31mError 2".into(),
            step: Some("[2/2] RUN make".into()),
            digest: Some("sha256:ab".into()),
        }
    }

    #[test]
    fn the_last_lines_say_what_to_do_next() {
        assert_eq!(
            success(&build(true), &end(BuildStatus::Succeeded)),
            "built and pushed r/x:1@sha256:ab\nstart a worker with it: prtcli worker create --image r/x:1 --pull-policy Always"
        );
        assert!(success(&build(false), &end(BuildStatus::Succeeded)).starts_with("built r/x:1, not pushed\n"));
    }

    #[test]
    fn only_success_exits_with_0() {
        assert!(outcome(&build(true), &end(BuildStatus::Succeeded)).is_ok());
        for (status, text) in [
            (BuildStatus::Canceled, "build #7 was canceled"),
            (
                BuildStatus::Failed,
                "build #7 failed (StepFailed): make: *** [all] Error 2\n  step: [2/2] RUN make",
            ),
        ] {
            let error = outcome(&build(true), &end(status)).unwrap_err();
            assert_eq!((error.text().as_str(), error.exit_code()), (text, 1));
        }
    }
}

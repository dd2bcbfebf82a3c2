//! Commands in a container.

use std::{pin::Pin, time::Duration};

use bollard::{
    Docker,
    container::LogOutput,
    errors::Error,
    exec::{StartExecOptions, StartExecResults},
    models::ExecConfig,
};
use bytes::Bytes;
use futures::{FutureExt as _, Stream, StreamExt as _, stream::BoxStream};
use prt_core::engine::{EngineError, EngineErrorKind, EngineResult, ExecHandle, ExecOutput, ExecSpec};
use prt_types::{ids::WorkerId, workers::ContainerRole};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _},
    sync::{mpsc, oneshot},
};
use tokio_stream::wrappers::ReceiverStream;

use crate::{
    DockerEngine, errors, labels,
    limits::{watched, within},
};

pub(crate) const DOING: &str = "running a command in the container";
/// How many pieces wait for a slow reader before the command has to.
const QUEUE: usize = 64;
const READ_BUFFER: usize = 64 * 1024;
/// What the engine writes to standard output when the program could not be started at all.
const NOT_STARTED: &[u8] = b"OCI runtime exec failed";
const NOT_STARTED_CODES: [i64; 2] = [126, 127];

type Output = Pin<Box<dyn Stream<Item = Result<LogOutput, Error>> + Send>>;
type Input = Pin<Box<dyn AsyncWrite + Send>>;

impl DockerEngine {
    pub(crate) async fn run(&self, worker: WorkerId, role: ContainerRole, spec: ExecSpec) -> EngineResult<ExecHandle> {
        let docker = self.docker().await?;
        let config = ExecConfig {
            attach_stdin: Some(spec.stdin.is_some()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            env: Some(spec.env.iter().map(|(name, value)| format!("{name}={value}")).collect()),
            cmd: Some(spec.argv),
            user: spec.user,
            working_dir: spec.workdir,
            ..Default::default()
        };
        let created = docker.create_exec(&labels::container_name(worker, role), config).await;
        let id = created.map_err(|e| errors::from(e, DOING))?.id;
        let options = StartExecOptions {
            output_capacity: Some(READ_BUFFER),
            ..Default::default()
        };
        let started = docker
            .start_exec(&id, Some(options))
            .await
            .map_err(|e| not_startable(e, DOING))?;
        let StartExecResults::Attached { output, input } = started else {
            return Err(EngineError::new(
                EngineErrorKind::Other,
                format!("{DOING}: the engine did not attach"),
            ));
        };

        let feeding = spec.stdin.map(|pieces| tokio::spawn(feed(pieces, input)));
        let (sender, receiver) = mpsc::channel(QUEUE);
        let (ended, end) = oneshot::channel();
        let output = watched(docker, output);
        tokio::spawn(async move {
            // The receiver is gone when the handle was dropped; nobody waits then.
            let _ = ended.send(forward(output, sender).await);
        });
        let docker = docker.clone();
        let exit_code = async move {
            let refusal = end.await.unwrap_or_default();
            let code = exit_code(&docker, &id, refusal).await;
            // A command that ended before its input did reads no more of it, and engines do not say so.
            if let Some(feeding) = feeding {
                feeding.abort();
            }
            code
        };
        Ok(ExecHandle {
            output: ReceiverStream::new(receiver).boxed(),
            exit_code: exit_code.boxed(),
        })
    }
}

/// Writes standard input and closes it, which the command sees as its end.
async fn feed(mut pieces: BoxStream<'static, Bytes>, mut input: Input) {
    while let Some(piece) = pieces.next().await {
        // The command may end, or close its input, before it has read everything.
        if input.write_all(&piece).await.is_err() || input.flush().await.is_err() {
            return;
        }
    }
    if let Err(error) = input.shutdown().await {
        tracing::debug!(%error, "closing a command's standard input");
    }
}

/// Passes output on until it ends. When nobody listens any more it is still read, or the command would block on a full pipe.
/// Returns the engine's words if the first piece says that the program could not be started.
async fn forward(mut output: Output, sender: mpsc::Sender<EngineResult<ExecOutput>>) -> Option<String> {
    let mut refusal = None;
    let mut first = true;
    let mut sender = Some(sender);
    while let Some(piece) = output.next().await {
        let piece = match piece {
            Ok(LogOutput::StdErr { message }) => Ok(ExecOutput::Stderr(message)),
            Ok(LogOutput::StdOut { message } | LogOutput::Console { message } | LogOutput::StdIn { message }) => {
                if first && message.starts_with(NOT_STARTED) {
                    refusal = Some(errors::readable(&String::from_utf8_lossy(&message)));
                }
                Ok(ExecOutput::Stdout(message))
            }
            // The command ended before it had read all of its input: its exit code says how. Of an engine that is gone, the question for
            // that code tells.
            Err(Error::IOError { err }) if err.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(e) => Err(errors::from(e, DOING)),
        };
        first = false;
        let broken = piece.is_err();
        if let Some(listener) = &sender
            && listener.send(piece).await.is_err()
        {
            sender = None;
        }
        if broken {
            break;
        }
    }
    refusal
}

/// Asks until the engine knows: the output may end a moment before the process does, or long before if the command closed it.
async fn exit_code(docker: &Docker, id: &str, refusal: Option<String>) -> EngineResult<i64> {
    const LONGEST_PAUSE: Duration = Duration::from_millis(500);
    let mut pause = Duration::from_millis(2);
    loop {
        // The engine forgets a command together with its container, which is "no such container" for us.
        let asked = docker
            .inspect_exec(id)
            .map(|state| state.map_err(|e| errors::from(e, DOING)));
        let state = within(DOING, asked).await?;
        if let (Some(code), Some(false)) = (state.exit_code, state.running) {
            return match refusal {
                Some(words) if NOT_STARTED_CODES.contains(&code) => {
                    Err(EngineError::new(EngineErrorKind::CannotStart, words))
                }
                _ => Ok(code),
            };
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Engines that check first refuse here what others say in the output.
fn not_startable(error: Error, doing: &str) -> EngineError {
    let mut failure = errors::from(error, doing);
    let text = failure.message.to_lowercase();
    if failure.kind != EngineErrorKind::NoSuchContainer
        && (text.contains("oci runtime") || text.contains("executable file"))
    {
        failure.kind = EngineErrorKind::CannotStart;
    }
    failure
}

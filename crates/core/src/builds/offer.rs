//! The command of a build before the build is recorded: it has read the Dockerfile and waits for the word to start.

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use prt_types::{ids::BuildId, workers::ContainerRole};
use tokio::sync::oneshot;

use super::validate::Inputs;
use crate::{
    Orchestrator,
    buildkit::launcher::{self, ContextSource, LONGEST_DOCKERFILE, Launch, Trailer},
    engine::{EngineError, EngineErrorKind, ExecHandle, ExecOutput, ExecSpec},
    error::{Error, Result},
    store::Worker,
    workers::{BUILD_FOLDER_BUILDER, CONTEXTS},
};

/// A command that waits. Dropping it ends it, and nothing has changed in the builder.
pub(super) struct Offer {
    handle: ExecHandle,
    input: oneshot::Sender<Bytes>,
}

impl std::fmt::Debug for Offer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Offer").finish_non_exhaustive()
    }
}

impl Offer {
    /// Starts the build. A builder that is gone by now shows in the output.
    pub(super) fn accept(self, input: Bytes) -> ExecHandle {
        _ = self.input.send(input);
        self.handle
    }
}

impl Orchestrator {
    /// The Dockerfile as it is now, and the command that will build it.
    pub(super) async fn build_offer(&self, worker: &Worker, inputs: &Inputs, id: BuildId) -> Result<(String, Offer)> {
        let (input, wanted) = oneshot::channel();
        let request = launcher::request(
            &Launch {
                build: &id.to_string(),
                store: CONTEXTS,
                source: source(&inputs.context_id, &inputs.context),
                dockerfile: &inputs.dockerfile,
                dockerfile_text: "",
                reference: &format!("{}:{}", inputs.name, inputs.tag),
                additional_tags: &inputs.typed.additional_tags,
                oci_mediatypes: inputs.typed.oci_mediatypes,
                build_args: &inputs.build_args,
                push: inputs.push_image,
                insecure_registry: inputs.insecure_registry,
                no_cache: inputs.no_cache,
                options: &inputs.options,
                credentials: &[],
                secrets: &[],
            },
            true,
        );
        let wanted = stream::once(wanted).filter_map(|got| std::future::ready(got.ok()));
        let spec = launcher::read_and_launch().stdin_stream(stream::iter([request]).chain(wanted).boxed());
        let (text, words, handle) = self
            .read_dockerfile(worker, spec)
            .await
            .map_err(|error| builder_error(worker, error))?;
        let (place, folder) = if inputs.context_id.is_empty() {
            (
                join("~/build", &inputs.context),
                format!("There is no folder ~/build/{}.", inputs.context),
            )
        } else {
            let gone = "The builder of this worker does not have the uploaded context any more. Upload it again.";
            (inputs.context.clone(), gone.to_owned())
        };
        let path = join(&place, &inputs.dockerfile);
        let refuse = |message: String| Err(Error::field("dockerfile", message));
        let Some(text) = text else {
            let words = Trailer::parse(&words).words;
            return match handle.exit_code.await.map_err(|error| builder_error(worker, error))? {
                launcher::REFUSED_CONTEXT => Err(Error::field("context", folder)),
                launcher::EXIT_BAD_CONTEXT => refuse(words),
                launcher::EXIT_DISK => Err(Error::Unavailable {
                    message: words,
                    hint: Some("Remove files or prune the builder's cache.".into()),
                    source: None,
                }),
                launcher::REFUSED_OUTSIDE => refuse(format!("{path} leads out of the build folder by a link.")),
                _ => refuse(format!(
                    "There is no Dockerfile at {path}. Put one there, or name another one."
                )),
            };
        };
        if text.len() > LONGEST_DOCKERFILE {
            return refuse(format!("{path} is longer than {} KiB.", LONGEST_DOCKERFILE / 1024));
        }
        match String::from_utf8(text) {
            Ok(text) if text.trim().is_empty() => refuse(format!("{path} is empty.")),
            Ok(text) => Ok((text, Offer { handle, input })),
            Err(_) => refuse(format!("{path} is not text in UTF-8.")),
        }
    }

    /// What the command prints up to the NUL, `None` if it ends without one, and what it says on standard error.
    async fn read_dockerfile(
        &self,
        worker: &Worker,
        spec: ExecSpec,
    ) -> Result<(Option<Vec<u8>>, Vec<u8>, ExecHandle), EngineError> {
        let mut handle = self.inner.engine.exec(worker.id, ContainerRole::Builder, spec).await?;
        let (mut text, mut words) = (vec![], vec![]);
        while let Some(piece) = handle.output.next().await {
            let bytes = match piece? {
                ExecOutput::Stdout(bytes) => bytes,
                ExecOutput::Stderr(bytes) => {
                    words.extend_from_slice(&bytes);
                    continue;
                }
            };
            let end = bytes.iter().position(|byte| *byte == 0);
            text.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
            // After the NUL nothing comes: the command waits.
            if end.is_some() {
                return Ok((Some(text), words, handle));
            }
        }
        Ok((None, words, handle))
    }
}

/// Where the context of a build is in the builder.
pub(super) fn source(context_id: &str, path: &str) -> ContextSource {
    let path = path.to_owned();
    if context_id.is_empty() {
        ContextSource::Folder {
            folder: BUILD_FOLDER_BUILDER.into(),
            path,
        }
    } else {
        ContextSource::Stored {
            id: context_id.to_owned(),
            path,
        }
    }
}

/// `folder/path`, without a slash at either end.
pub(super) fn join(folder: &str, path: &str) -> String {
    let parts = [folder, path].into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("/")
}

fn builder_error(worker: &Worker, error: EngineError) -> Error {
    match error.kind {
        EngineErrorKind::NoSuchContainer => Error::conflict(format!(
            "The builder of {} does not run. Start another builder worker.",
            worker.name()
        )),
        EngineErrorKind::Paused => Error::conflict(format!(
            "The builder of {} is paused in the container engine. Unpause it, or start another builder worker.",
            worker.name()
        )),
        EngineErrorKind::CannotStart => Error::field(
            "worker",
            format!(
                "{} was started by an older console and has no agent. Start another worker.",
                worker.name()
            ),
        ),
        _ => error.into(),
    }
}

//! The agent's answers to requests that a container without processes can give.

use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _, stream};
use prt_agent_protocol::{
    BuildkitdChange, Facts, Figures, LARGEST_REQUEST, Refusal, RefusalKind, Reply, Request, StartupEnd, frame,
};

use super::{MemoryEngine, printed};
use crate::engine::{ExecHandle, ExecOutput, ExecSpec};

/// The JSON of the request that a command brings, if it is one to the agent.
pub(super) async fn of(spec: &mut ExecSpec) -> Option<String> {
    if spec.argv.last().is_none_or(|word| word != "request") {
        return None;
    }
    let mut input = vec![];
    let mut stdin = spec.stdin.take()?;
    while let Some(piece) = stdin.next().await {
        input.extend_from_slice(&piece);
    }
    let request = frame::read(&mut input.as_slice(), LARGEST_REQUEST).ok()??;
    String::from_utf8(request).ok()
}

impl MemoryEngine {
    pub(super) async fn answer(&self, request: &str) -> ExecHandle {
        let Ok(request) = serde_json::from_str(request) else {
            return printed("", "not a request", Ok(1));
        };
        let reply = match request {
            Request::Facts { .. } | Request::MemoryFiles { .. } => self.read(|state| {
                Reply::Facts(Facts {
                    shell: true,
                    jupyter: !state.no_jupyter,
                    startup: state.startup.clone().or(Some(StartupEnd {
                        exit_code: 0,
                        error: None,
                    })),
                    ..Facts::default()
                })
            }),
            Request::Figures { .. } => Reply::Figures(Figures::default()),
            Request::BuildkitReady { wait_ms } => self.buildkit_ready(Duration::from_millis(wait_ms)).await,
            Request::BuildkitdChange { .. } => Reply::Buildkitd(BuildkitdChange::Applied),
            Request::BuildkitdRead => Reply::BuildkitdText { text: None },
            Request::Missing { .. } => Reply::Missing { names: vec![] },
            _ => Reply::Done,
        };
        let json = serde_json::to_vec(&reply).unwrap_or_default();
        ExecHandle {
            output: stream::iter([Ok(ExecOutput::Stdout(frame::encode(&json).into()))]).boxed(),
            exit_code: std::future::ready(Ok(0)).boxed(),
        }
    }

    async fn buildkit_ready(&self, wait: Duration) -> Reply {
        let mut changed = self.shared.changed.subscribe();
        let answers = async {
            while self.read(|state| state.buildkit_silent) {
                // The sender lives in `self`.
                _ = changed.changed().await;
            }
        };
        match tokio::time::timeout(wait, answers).await {
            Ok(()) => Reply::Done,
            Err(_) => Reply::Refused(Refusal {
                kind: RefusalKind::Failed,
                message: "BuildKit does not answer".into(),
            }),
        }
    }
}

//! Events of our containers.

use std::collections::HashMap;

use bollard::{models::EventMessage, query_parameters::EventsOptionsBuilder};
use futures::{StreamExt as _, stream::BoxStream};
use prt_core::engine::{EngineEvent, EngineResult};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::{DockerEngine, errors, labels, limits::watched};

const QUEUE: usize = 256;

impl DockerEngine {
    pub(crate) async fn subscribe(&self) -> EngineResult<BoxStream<'static, EngineEvent>> {
        let docker = self.docker().await?;
        // The client sends its request when the stream is first polled, and the engine answers before it listens. "Since", in the
        // engine's own time, closes both gaps.
        let info = docker
            .info()
            .await
            .map_err(|e| errors::from(e, "subscribing to the container engine's events"))?;
        let mut filters = labels::filter(&self.instance, None);
        filters.insert("type".into(), vec!["container".into()]);
        let mut options = EventsOptionsBuilder::new().filters(&filters);
        if let Some(since) = info.system_time.as_deref().and_then(timestamp) {
            options = options.since(&since);
        }
        let mut messages = watched(docker, docker.events(Some(options.build())).boxed());
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(async move {
            loop {
                let message = tokio::select! {
                    message = messages.next() => message,
                    () = sender.closed() => return,
                };
                match message {
                    Some(Ok(message)) => {
                        if let Some(event) = translate(message)
                            && sender.send(event).await.is_err()
                        {
                            return;
                        }
                    }
                    Some(Err(error)) => {
                        tracing::debug!(%error, "the container engine's event stream broke");
                        return;
                    }
                    None => return,
                }
            }
        });
        Ok(ReceiverStream::new(receiver).boxed())
    }
}

/// As the engine's `since` wants it: seconds and nanoseconds.
fn timestamp(rfc3339: &str) -> Option<String> {
    let time = OffsetDateTime::parse(rfc3339, &Rfc3339).ok()?;
    Some(format!("{}.{:09}", time.unix_timestamp(), time.nanosecond()))
}

fn translate(message: EventMessage) -> Option<EngineEvent> {
    let attributes = message.actor?.attributes?;
    let kind =
        match message.action?.as_str() {
            // Podman's own words.
            "died" => "die".into(),
            "remove" => "destroy".into(),
            known @ ("create" | "start" | "restart" | "oom" | "die" | "kill" | "stop" | "pause" | "unpause"
            | "destroy") => known.to_owned(),
            // exec_* events carry whole command lines; the rest (attach, resize, copies) is our own doing.
            _ => return None,
        };
    let at_ms = message
        .time_nano
        .map(|nanos| nanos / 1_000_000)
        .or(message.time.map(|seconds| seconds * 1000));
    Some(EngineEvent {
        worker_id: labels::worker_of(&attributes)?,
        role: labels::role_of(&attributes)?,
        exit_code: if kind == "die" { exit_code(&attributes) } else { None },
        kind,
        at_ms: at_ms.unwrap_or_default(),
    })
}

fn exit_code(attributes: &HashMap<String, String>) -> Option<i64> {
    attributes
        .get("exitCode")
        .or_else(|| attributes.get("containerExitCode"))?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use bollard::models::EventActor;
    use prt_types::workers::ContainerRole;

    use super::*;

    fn message(action: &str) -> EventMessage {
        let attributes = [
            ("io.prt-console.worker-id", "018f3a5e-0000-7000-8000-000000000001"),
            ("io.prt-console.role", "builder"),
            ("exitCode", "137"),
        ];
        EventMessage {
            action: Some(action.into()),
            actor: Some(EventActor {
                id: None,
                attributes: Some(
                    attributes
                        .map(|(name, value)| (name.to_owned(), value.to_owned()))
                        .into(),
                ),
            }),
            time_nano: Some(1_714_521_600_500_000_000),
            ..Default::default()
        }
    }

    #[test]
    fn container_events_are_translated() {
        let event = translate(message("die")).unwrap();
        assert_eq!(
            (event.kind.as_str(), event.exit_code, event.at_ms),
            ("die", Some(137), 1_714_521_600_500)
        );
        assert_eq!(event.role, ContainerRole::Builder);
        assert_eq!(translate(message("start")).unwrap().exit_code, None);
    }

    #[test]
    fn command_lines_are_not_passed_on() {
        for action in [
            "exec_create: sh -c 'echo secret'",
            "exec_start: sh",
            "exec_die",
            "attach",
            "archive-path",
        ] {
            assert_eq!(translate(message(action)), None, "{action}");
        }
    }

    #[test]
    fn the_engine_s_time_becomes_a_since() {
        assert_eq!(
            timestamp("2024-05-01T02:00:00.000000007+02:00").as_deref(),
            Some("1714521600.000000007")
        );
    }
}

//! Following a build's log over connections that come and go.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use prt_types::build_events::{BuildEvent, BuildRecord};
use reqwest::{Method, header};
use tokio::time::Instant;

use crate::{
    Client, ClientError, Result,
    error::{Closed, Silent},
    sse::{SseEvent, SseParser},
};

/// What a follower tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Followed {
    /// The next record; numbers follow each other without gap or repeat.
    Record(BuildRecord),
    /// The connection is lost and will be tried again after `delay`. Not a failure of the build.
    Reconnecting {
        /// 1 for the first try since records came.
        attempt: u32,
        /// The pause before it.
        delay: Duration,
        /// Why, in plain words.
        reason: String,
    },
    /// The connection is back.
    Reconnected,
}

/// How patient a follower is.
#[derive(Clone, Debug)]
pub struct FollowOptions {
    /// The pause before the first new try; doubled for each further one.
    pub first_delay: Duration,
    /// The longest pause.
    pub longest_delay: Duration,
    /// A connection on which nothing came for so long is lost. The console sends a heartbeat every 15 s.
    pub silence: Duration,
    /// Gives up when the console could not be reached for so long.
    pub give_up: Duration,
}

impl Default for FollowOptions {
    fn default() -> Self {
        Self {
            first_delay: Duration::from_millis(200),
            longest_delay: Duration::from_secs(5),
            silence: Duration::from_secs(45),
            give_up: Duration::from_mins(15),
        }
    }
}

/// The records of a build up to its end. Dropping a pending `next()` loses nothing.
pub type Follower = BoxStream<'static, Result<Followed>>;

pub(crate) fn follow(client: Client, number: i64, after: u64, options: FollowOptions) -> Follower {
    let state = State {
        client,
        number,
        last: after,
        options,
        connection: None,
        ready: VecDeque::new(),
        attempt: 0,
        lost_since: None,
        told: false,
        ended: false,
    };
    stream::unfold(state, |mut state| async move {
        let item = state.next().await?;
        // An error is final: whoever follows cannot go on from here without a gap.
        state.ended |= item.is_err();
        Some((item, state))
    })
    .boxed()
}

struct Connection {
    body: BoxStream<'static, reqwest::Result<Bytes>>,
    parser: SseParser,
    last_data: Instant,
}

struct State {
    client: Client,
    number: i64,
    last: u64,
    options: FollowOptions,
    connection: Option<Connection>,
    ready: VecDeque<BuildRecord>,
    /// Tries since records came last.
    attempt: u32,
    /// Since when nothing has come; a connection that is closed before it brings anything does not count as being back.
    lost_since: Option<Instant>,
    /// The caller has been told of the loss and not yet of the return.
    told: bool,
    ended: bool,
}

impl State {
    async fn next(&mut self) -> Option<Result<Followed>> {
        loop {
            if self.ended {
                return None;
            }
            if let Some(record) = self.ready.pop_front() {
                match self.accept(record) {
                    Ok(Some(record)) => return Some(Ok(Followed::Record(record))),
                    Ok(None) => continue,
                    Err(error) => return Some(Err(error)),
                }
            }
            let failure = match &mut self.connection {
                Some(_) => match self.receive().await {
                    Ok(()) => continue,
                    Err(error) => error,
                },
                None => match self.connect().await {
                    Ok(connection) => {
                        self.connection = Some(connection);
                        if std::mem::take(&mut self.told) {
                            return Some(Ok(Followed::Reconnected));
                        }
                        continue;
                    }
                    Err(error) => error,
                },
            };
            self.connection = None;
            return Some(self.lose(failure));
        }
    }

    /// Puts a received record into its place in the numbering: expected, a repeat to drop, or a gap.
    fn accept(&mut self, record: BuildRecord) -> Result<Option<BuildRecord>> {
        if record.seq <= self.last {
            return Ok(None);
        }
        if record.seq != self.last + 1 {
            return Err(ClientError::protocol(format!(
                "the log of build #{} has a gap: record {} came after record {}",
                self.number, record.seq, self.last
            )));
        }
        self.last = record.seq;
        self.attempt = 0;
        self.ended = matches!(record.event, BuildEvent::End(_));
        Ok(Some(record))
    }

    /// Decides what a failed connection means: another try, or the end.
    fn lose(&mut self, failure: ClientError) -> Result<Followed> {
        let since = *self.lost_since.get_or_insert_with(Instant::now);
        if !failure.is_temporary() || since.elapsed() >= self.options.give_up {
            return Err(failure);
        }
        let delay = self
            .options
            .first_delay
            .saturating_mul(1 << self.attempt.min(16))
            .min(self.options.longest_delay);
        self.attempt += 1;
        self.told = true;
        let reason = failure.cause().unwrap_or_else(|| failure.to_string());
        Ok(Followed::Reconnecting {
            attempt: self.attempt,
            delay,
            reason,
        })
    }

    async fn connect(&mut self) -> Result<Connection> {
        if self.attempt > 0 {
            // The same pause that `lose` has announced.
            let delay = self.options.first_delay.saturating_mul(1 << (self.attempt - 1).min(16));
            tokio::time::sleep(delay.min(self.options.longest_delay)).await;
        }
        let url = self.client.url(&["builds", &self.number.to_string(), "events"]);
        let request = self
            .client
            .request(Method::GET, url)
            .header(header::ACCEPT, "text/event-stream")
            .header("last-event-id", self.last.to_string());
        let silence = self.options.silence;
        let response = tokio::time::timeout(silence, self.client.run(request))
            .await
            .map_err(|_| self.silent())??;
        let kind = response
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if !kind.starts_with("text/event-stream") {
            return Err(ClientError::protocol(format!(
                "the events of build #{} came as `{kind}`",
                self.number
            )));
        }
        Ok(Connection {
            body: response.bytes_stream().boxed(),
            parser: SseParser::default(),
            last_data: Instant::now(),
        })
    }

    async fn receive(&mut self) -> Result<()> {
        let silent = self.silent();
        let Some(connection) = &mut self.connection else {
            return Ok(());
        };
        let until = connection.last_data + self.options.silence;
        let part = match tokio::time::timeout_at(until, connection.body.next()).await {
            Err(_) => return Err(silent),
            Ok(None) => return Err(self.broken(Box::new(Closed))),
            Ok(Some(Err(error))) => return Err(self.client.transport(error)),
            Ok(Some(Ok(part))) => part,
        };
        connection.last_data = Instant::now();
        self.lost_since = None;
        let mut events = Vec::new();
        connection
            .parser
            .push(&part, &mut events)
            .map_err(|error| ClientError::protocol(error.to_string()))?;
        for event in events.into_iter().filter(|event| event.name == "record") {
            self.ready.push_back(self.record(&event)?);
        }
        Ok(())
    }

    fn record(&self, event: &SseEvent) -> Result<BuildRecord> {
        serde_json::from_str(&event.data).map_err(|error| {
            ClientError::protocol(format!("an event of build #{} cannot be read: {error}", self.number))
        })
    }

    fn silent(&self) -> ClientError {
        self.broken(Box::new(Silent(self.options.silence)))
    }

    fn broken(&self, source: Box<dyn std::error::Error + Send + Sync>) -> ClientError {
        ClientError::Transport {
            url: self.client.base_url().to_string(),
            source,
        }
    }
}

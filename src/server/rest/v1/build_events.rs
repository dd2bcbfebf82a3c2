//! The log of a build: live, in pages, and as text.

use std::{convert::Infallible, num::NonZeroU32};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{Stream, StreamExt, stream};
use prt_core::Orchestrator;
use prt_types::build_events::BuildRecord;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, answer, server::HEARTBEAT};
use crate::server::{
    extract::Cx,
    input::{Path, Query},
    problem::Problem,
    standing::Standing,
    state::AppState,
};

/// Most records of one page.
const PAGE_MAX: usize = 10_000;
/// What an `EventSource` sends when it connects again.
const LAST_EVENT_ID: &str = "last-event-id";

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(events))
        .routes(routes!(records))
        .routes(routes!(log))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct AfterQuery {
    /// Records after this number; 0 = all. The header `Last-Event-ID` wins.
    #[serde(default)]
    after: u64,
    /// At most so many records.
    #[param(value_type = Option<u32>, minimum = 1)]
    limit: Option<NonZeroU32>,
}

/// Server-sent events `record` with the record's number as id. Ends after the build's last record.
#[utoipa::path(get, path = "/builds/{number}/events", operation_id = "build_follow", tag = "builds", params(("number" = i64, Path), AfterQuery), responses((status = OK, description = "The stream", body = BuildRecord, content_type = "text/event-stream")))]
async fn events(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(number): Path<i64>,
    Query(query): Query<AfterQuery>,
    standing: Standing,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>> + use<>>, Problem> {
    let seen = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()?.parse().ok());
    let follow = orchestrator
        .build_follow(&cx, number, seen.unwrap_or(query.after))
        .await;
    let batches = follow.map_err(|error| Problem::new(error, &cx))?;
    let events = batches.flat_map(|batch| {
        stream::iter(batch.into_iter().filter_map(|record| {
            let event = Event::default().event("record").id(record.seq.to_string());
            event.json_data(&record).ok().map(Ok)
        }))
    });
    Ok(Sse::new(standing.confine(events)).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

/// A page of records.
#[utoipa::path(get, path = "/builds/{number}/records", operation_id = "build_record_list", tag = "builds", params(("number" = i64, Path), AfterQuery), responses((status = OK, description = "The records", body = Vec<BuildRecord>)))]
async fn records(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(number): Path<i64>,
    Query(query): Query<AfterQuery>,
) -> Answer<Vec<BuildRecord>> {
    let limit = query.limit.map_or(PAGE_MAX, |limit| limit.get() as usize).min(PAGE_MAX);
    answer(orchestrator.build_records(&cx, number, query.after, limit).await, &cx)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct LogQuery {
    /// Any value: as a file to save.
    download: Option<String>,
}

/// The log as text, as far as it goes.
#[utoipa::path(get, path = "/builds/{number}/log", operation_id = "build_log", tag = "builds", params(("number" = i64, Path), LogQuery), responses((status = OK, description = "The log", body = String, content_type = "text/plain")))]
async fn log(
    State(orchestrator): State<Orchestrator>,
    Cx(cx): Cx,
    Path(number): Path<i64>,
    Query(query): Query<LogQuery>,
) -> Result<Response, Problem> {
    let text = orchestrator
        .build_log(&cx, number)
        .await
        .map_err(|error| Problem::new(error, &cx))?;
    let disposition = if query.download.is_some() {
        "attachment"
    } else {
        "inline"
    };
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("{disposition}; filename=\"build-{number}.log\""),
        ),
    ];
    Ok((headers, Body::from_stream(text)).into_response())
}

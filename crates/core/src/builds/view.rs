//! A build as others see it.

use prt_types::builds::BuildView;

use crate::{logs::Position, retention::RetentionSettings, store::Build};

use super::runs::Live;

/// The view of a row. `position` and `live` are what is newer than the row.
pub(super) fn view(
    build: Build,
    position: Option<Position>,
    live: Option<Live>,
    retention: &RetentionSettings,
) -> BuildView {
    let (expires_ms, log_expires_ms) = (retention.build_until_ms(&build), retention.log_until_ms(&build));
    let (steps, steps_cached) = match live {
        Some(live) if !build.status.is_final() => (live.steps, live.steps_cached),
        _ => (build.steps, build.steps_cached),
    };
    let last_seq = position.map_or(0, |position| last_seq(build.status.is_final(), position));
    let position = position.unwrap_or_default();
    BuildView {
        number: build.number,
        id: build.id,
        worker: format!("Worker-{}", build.worker_number),
        owner: build.owner,
        door: build.door,
        reference: format!("{}:{}", build.name, build.tag),
        name: build.name,
        tag: build.tag,
        push_image: build.push_image,
        build_args: build.build_args,
        credentials: build.credentials,
        insecure_registry: build.insecure_registry,
        no_cache: build.no_cache,
        context_id: build.context_id,
        context: build.context,
        dockerfile: build.dockerfile,
        options: build.options,
        additional_build_params: build.additional_build_params,
        custom_build_command: build.custom_build_command,
        dockerfile_text: build.dockerfile_text,
        lines: if build.status.is_final() {
            build.lines
        } else {
            position.last_line as i64
        },
        status: build.status,
        reason: build.reason,
        message: build.message,
        step: build.step,
        digest: build.digest,
        rerun_of: build.rerun_of,
        created_ms: build.created_ms,
        started_ms: build.started_ms,
        ended_ms: build.ended_ms,
        steps,
        steps_cached,
        last_seq,
        pinned: build.pinned,
        expires_ms,
        log_expires_ms: log_expires_ms.filter(|_| build.log_deleted_ms.is_none()),
        log_deleted_ms: build.log_deleted_ms,
    }
}

/// Number of the log's last record. The record of the end follows the row, so a build that has ended may still lack it.
fn last_seq(has_ended: bool, position: Position) -> u64 {
    position.last_seq + u64::from(has_ended && !position.ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_that_has_ended_counts_the_record_of_its_end() {
        for (has_ended, ended, last) in [(false, false, 7), (true, false, 8), (true, true, 7)] {
            let position = Position {
                last_seq: 7,
                last_line: 3,
                ended,
            };
            assert_eq!(last_seq(has_ended, position), last);
        }
    }
}

//! The picture of a build: lines that fit a width and a height.

use prt_types::{
    build_events::{Progress, StepState},
    builds::BuildStatus,
};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::state::{BuildSeen, StepSeen, is_over};
use crate::output::{bytes, duration};

/// How a line stands out; a whole line has one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Plain,
    Done,
    Cached,
    Failed,
    Warning,
    Quiet,
}

/// A line without any control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub text: String,
    pub tone: Tone,
}

/// A line of this tone, cut to a width.
fn line(text: &str, width: usize, tone: Tone) -> Line {
    Line {
        text: cut(text, width),
        tone,
    }
}

/// What is around a frame.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    pub width: usize,
    /// Lines that there is room for; `None` at the end, when scrolling is welcome.
    pub height: Option<usize>,
    /// Now, on the clock that made the records.
    pub now_ms: i64,
    /// For the spinner.
    pub tick: usize,
    /// E.g. that the connection is lost.
    pub remark: Option<&'a str>,
}

const SPINNER: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/// Lines of output shown of a running step, and transfers.
const TAIL: usize = 6;
const TRANSFERS: usize = 6;

/// Draws the build.
pub fn frame(build: &BuildSeen, around: Around<'_>) -> Vec<Line> {
    let mut lines = vec![head(build, around)];
    let mut blocks: Vec<(bool, Vec<Line>)> = build
        .steps
        .values()
        .filter(|seen| seen.step.state != StepState::Waiting)
        .map(|seen| (is_over(seen.step.state), block(seen, around)))
        .collect();
    let notices = build
        .notices
        .iter()
        .map(|text| line(&format!(" -- {text}"), around.width, Tone::Quiet));
    match around.height {
        None => {
            lines.extend(notices);
            lines.extend(blocks.into_iter().flat_map(|(_, block)| block));
            lines.extend(epilogue(build, around.width));
        }
        Some(height) => {
            lines.extend(notices.rev().take(1));
            let room = height.max(2) - 1;
            fold(&mut blocks, room.saturating_sub(lines.len()), around.width);
            lines.extend(blocks.into_iter().flat_map(|(_, block)| block));
            // The head stays; of the rest, what is newest.
            if lines.len() > room {
                lines.drain(1..=lines.len() - room);
            }
        }
    }
    lines
}

/// Replaces the oldest steps that are over by one line until the rest fits.
fn fold(blocks: &mut Vec<(bool, Vec<Line>)>, room: usize, width: usize) {
    let total = |blocks: &[(bool, Vec<Line>)]| blocks.iter().map(|(_, block)| block.len()).sum::<usize>();
    let mut folded = 0;
    while total(blocks) + usize::from(folded > 0) > room {
        let Some(at) = blocks.iter().position(|(over, _)| *over) else {
            break;
        };
        blocks.remove(at);
        folded += 1;
    }
    if folded > 0 {
        let steps = if folded == 1 { "step" } else { "steps" };
        blocks.insert(
            0,
            (
                true,
                vec![line(
                    &format!(" => {folded} finished {steps} not shown"),
                    width,
                    Tone::Quiet,
                )],
            ),
        );
    }
}

fn head(build: &BuildSeen, around: Around<'_>) -> Line {
    let (done, all) = build.counts();
    let (text, tone) = match &build.end {
        None => (
            format!(
                "[+] Building {} ({done}/{all})",
                duration(around.now_ms - build.first_ms)
            ),
            Tone::Plain,
        ),
        Some(end) => {
            let (word, tone) = match end.status {
                BuildStatus::Succeeded => ("FINISHED", Tone::Done),
                BuildStatus::Canceled => ("CANCELED", Tone::Warning),
                BuildStatus::Failed | BuildStatus::Pending | BuildStatus::Running | BuildStatus::Canceling => {
                    ("FAILED", Tone::Failed)
                }
            };
            (
                format!(
                    "[+] Building {} ({done}/{all}) {word}",
                    duration(build.last_ms - build.first_ms)
                ),
                tone,
            )
        }
    };
    match around.remark {
        Some(remark) => line(&format!("{text} {remark}"), around.width, Tone::Warning),
        None => line(&text, around.width, tone),
    }
}

/// A step's line and, while it runs, what goes on in it.
fn block(seen: &StepSeen, around: Around<'_>) -> Vec<Line> {
    let step = &seen.step;
    let (mark, word, tone) = match step.state {
        StepState::Waiting | StepState::Running => (SPINNER[around.tick % SPINNER.len()], "", Tone::Plain),
        StepState::Cached => ('=', "CACHED ", Tone::Cached),
        StepState::Done => ('=', "", Tone::Done),
        StepState::Failed => ('=', "ERROR ", Tone::Failed),
        StepState::Canceled => ('=', "CANCELED ", Tone::Warning),
    };
    let took = step
        .started_ms
        .map(|started| step.completed_ms.unwrap_or(around.now_ms) - started);
    let took = took.filter(|_| step.state != StepState::Cached).unwrap_or(0);
    let mut lines = vec![Line {
        text: ends(&format!(" {mark}> {word}{}", step.name), &duration(took), around.width),
        tone,
    }];
    if !is_over(step.state) {
        let active: Vec<&Progress> = seen.transfers.iter().filter(|transfer| !transfer.done).collect();
        let first = active.len().saturating_sub(TRANSFERS);
        lines.extend(active[first..].iter().map(|transfer| Line {
            text: bar(transfer, around.width),
            tone: Tone::Plain,
        }));
        let first = seen.tail.len().saturating_sub(TAIL);
        lines.extend(
            seen.tail
                .iter()
                .skip(first)
                .map(|text| line(&format!(" => => # {text}"), around.width, Tone::Quiet)),
        );
    }
    lines
}

/// A transfer: its name at the left, sizes and a bar at the right.
fn bar(transfer: &Progress, width: usize) -> String {
    let amount = if transfer.total > 0 {
        format!("{} / {}", bytes(transfer.current), bytes(transfer.total))
    } else {
        bytes(transfer.current)
    };
    let right = match share(transfer.current, transfer.total) {
        // The bar goes first when there is little room.
        Some(share) if width >= 60 => format!("{amount} {}", gauge(share, 20)),
        _ => amount,
    };
    ends(&format!(" => => {}", transfer.id), &right, width)
}

/// Done part of the whole, if the whole is known.
pub fn share(current: i64, total: i64) -> Option<f64> {
    (total > 0).then(|| (current.max(0) as f64 / total as f64).min(1.0))
}

/// `[=====>    ]`.
pub fn gauge(share: f64, width: usize) -> String {
    let full = (share * width as f64) as usize;
    let mut inside = "=".repeat(full);
    if full < width {
        inside.push('>');
        inside.push_str(&" ".repeat(width - full - 1));
    }
    format!("[{inside}]")
}

/// After the steps: what failed and its last words, warnings.
fn epilogue(build: &BuildSeen, width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for seen in build.steps.values().filter(|seen| seen.step.state == StepState::Failed) {
        lines.push(line("------", width, Tone::Plain));
        lines.push(line(&format!(" > {}:", seen.step.name), width, Tone::Failed));
        if seen.lines > seen.tail.len() as u64 {
            lines.push(line(
                &format!("({} earlier lines)", seen.lines - seen.tail.len() as u64),
                width,
                Tone::Quiet,
            ));
        }
        // Whole lines: at the end nothing is overwritten, and a cut compiler message helps nobody.
        lines.extend(seen.tail.iter().map(|text| Line {
            text: text.clone(),
            tone: Tone::Plain,
        }));
        lines.push(line("------", width, Tone::Plain));
    }
    lines.extend(build.warnings.iter().map(|text| Line {
        text: format!("warning: {text}"),
        tone: Tone::Warning,
    }));
    lines
}

/// Left and right text on one line; the left one is cut.
pub fn ends(left: &str, right: &str, width: usize) -> String {
    let room = width.saturating_sub(right.width() + 1);
    if room < 8 {
        return cut(left, width);
    }
    let left = cut(left, room);
    format!("{left}{}{right}", " ".repeat(width - left.width() - right.width()))
}

/// At most so many columns, with `…` where something is missing.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let (mut out, mut used) = (String::new(), 0);
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > width {
            break;
        }
        out.push(c);
        used += wide;
    }
    // A sequence of characters can be wider or narrower than its parts; narrower is what matters here.
    while out.width() + 1 > width && out.pop().is_some() {}
    if width > 0 {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prt_types::build_events::{BuildEnd, BuildEvent};

    use super::{
        super::state::tests::{log, seen, step},
        *,
    };

    fn around(width: usize, height: Option<usize>) -> Around<'static> {
        Around {
            width,
            height,
            now_ms: 4_500,
            tick: 0,
            remark: None,
        }
    }

    fn text(lines: &[Line]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    fn running() -> BuildSeen {
        seen(vec![
            (
                1_000,
                step(
                    1,
                    "[internal] load build definition",
                    StepState::Done,
                    (Some(1_000), Some(1_100)),
                ),
            ),
            (
                1_000,
                step(2, "[1/3] FROM debian", StepState::Cached, (Some(1_100), Some(1_100))),
            ),
            (1_000, step(4, "[3/3] RUN later", StepState::Waiting, (None, None))),
            (
                1_200,
                step(3, "[2/3] RUN make", StepState::Running, (Some(1_200), None)),
            ),
            (1_300, log(3, "cc main.c")),
            (
                1_400,
                BuildEvent::Progress(Progress {
                    step: 3,
                    id: "sha256:ab".into(),
                    current: 5_000_000,
                    total: 10_000_000,
                    done: false,
                }),
            ),
        ])
    }

    #[test]
    fn a_running_build_looks_like_buildkits() {
        let lines = frame(&running(), around(64, Some(24)));
        assert_eq!(
            text(&lines),
            [
                "[+] Building 3.5s (2/4)",
                " => [internal] load build definition                        0.1s",
                " => CACHED [1/3] FROM debian                                0.0s",
                " ⠋> [2/3] RUN make                                          3.3s",
                " => => sha256:ab           5.0MB / 10.0MB [==========>         ]",
                " => => # cc main.c",
            ]
        );
        assert!(lines[1..5].iter().all(|line| line.text.width() == 64));
    }

    #[test]
    fn a_low_terminal_folds_finished_steps() {
        let lines = frame(&running(), around(40, Some(6)));
        assert_eq!(
            text(&lines),
            [
                "[+] Building 3.5s (2/4)",
                " => 2 finished steps not shown",
                " ⠋> [2/3] RUN make                  3.3s",
                " => => sha256:ab          5.0MB / 10.0MB",
                " => => # cc main.c"
            ]
        );
        assert_eq!(frame(&running(), around(40, Some(3))).len(), 2);
    }

    #[test]
    fn the_end_shows_everything_and_the_failed_steps_words() {
        let mut build = running();
        let failed = step(3, "[2/3] RUN make", StepState::Failed, (Some(1_200), Some(2_000)));
        for (at_ms, event) in [
            (2_000, failed),
            (
                2_000,
                BuildEvent::Warning {
                    step: 1,
                    text: "line 3: use lower case".into(),
                },
            ),
            (
                2_100,
                BuildEvent::End(BuildEnd {
                    status: BuildStatus::Failed,
                    reason: None,
                    message: "x".into(),
                    step: None,
                    digest: None,
                }),
            ),
        ] {
            build.take(prt_types::build_events::BuildRecord { seq: 9, at_ms, event });
        }
        let lines = frame(
            &build,
            Around {
                remark: Some("reconnecting"),
                ..around(50, None)
            },
        );
        assert_eq!(
            text(&lines),
            [
                "[+] Building 1.1s (3/4) FAILED reconnecting",
                " => [internal] load build definition          0.1s",
                " => CACHED [1/3] FROM debian                  0.0s",
                " => ERROR [2/3] RUN make                      0.8s",
                "------",
                " > [2/3] RUN make:",
                "cc main.c",
                "------",
                "warning: line 3: use lower case",
            ]
        );
        assert_eq!(lines[3].tone, Tone::Failed);
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(cut("日本語", 6), "日本語");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("ab", 1), "…");
        assert_eq!(cut("ab", 0), "");
        assert_eq!(ends("日本語日本語", "1s", 12), "日本語日… 1s");
    }

    proptest! {
        #[test]
        fn a_live_frame_fits(width in 0_usize..90, height in 1_usize..30, texts in prop::collection::vec(any::<String>(), 0..12),
                             state in prop::sample::select(vec![StepState::Running, StepState::Done, StepState::Failed])) {
            let mut events = vec![];
            for (at, text) in texts.iter().enumerate() {
                events.push((1, step(at as u32 / 2, text, if at % 3 == 0 { StepState::Running } else { state }, (Some(1), None))));
                events.push((2, log(at as u32 / 2, text)));
                events.push((2, BuildEvent::Progress(Progress { step: at as u32, id: text.clone(), current: 1, total: at as i64, done: false })));
            }
            let lines = frame(&seen(events), around(width, Some(height)));
            prop_assert!(lines.len() < height.max(2));
            for line in lines {
                prop_assert!(line.text.width() <= width, "{:?}", line.text);
                prop_assert!(!line.text.chars().any(char::is_control));
            }
        }
    }
}

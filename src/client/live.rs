//! Pages that follow what happens.

use std::{cell::Cell, rc::Rc, time::Duration};

use leptos::{prelude::*, task::spawn_local};
use prt_types::build_events::BuildRecord;
use serde::Deserialize;

use super::{Batch, Link, Stream};
use crate::{
    components::log_view::model::{LogModel, Merge},
    error::AppError,
};

/// Something that an open page may show has changed. What it is now is asked for in the usual way.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    Worker { name: String },
    Build { number: i64 },
    ContainerImages,
    RegistryCredentials,
    Secrets,
    WorkerSizes,
    SecurityContexts,
    Engine,
}

/// Several changes at once are answered by one look.
const SETTLE: Duration = Duration::from_millis(120);

/// Calls `run` soon after a change that `wants` it, and whenever the stream was opened: something may have happened before.
pub fn on_change(wants: impl Fn(&Change) -> bool + 'static, run: impl Fn() + 'static) {
    let hooks = Rc::new((wants, run));
    Effect::new(move |_| {
        let waiting = Rc::new(Cell::new(false));
        let soon = {
            let hooks = hooks.clone();
            move || {
                if waiting.replace(true) {
                    return;
                }
                let (hooks, waiting) = (hooks.clone(), waiting.clone());
                set_timeout(
                    move || {
                        waiting.set(false);
                        (hooks.1)();
                    },
                    SETTLE,
                );
            }
        };
        let opened = soon.clone();
        let hooks = hooks.clone();
        let stream = Stream::open(
            "change",
            || "/api/v1/events".to_owned(),
            move |text| {
                if serde_json::from_str(&text).is_ok_and(|change| (hooks.0)(&change)) {
                    soon();
                }
            },
            move |link| {
                if link == Link::Open {
                    opened();
                }
            },
        );
        // Lives as long as this effect.
        StoredValue::new_local(stream);
    });
}

/// Fetches `signal` anew after a change that `wants` it. A failed fetch leaves what is shown: the next one will come.
pub fn refresh_on_change<T, F>(
    wants: impl Fn(&Change) -> bool + 'static,
    signal: RwSignal<T>,
    fetch: impl Fn() -> F + 'static,
) where
    T: PartialEq + Send + Sync + 'static,
    F: Future<Output = Result<T, AppError>> + 'static,
{
    on_change(wants, move || {
        let answer = fetch();
        spawn_local(async move {
            if let Ok(value) = answer.await
                && signal.try_with_untracked(|known| *known != value) == Some(true)
            {
                signal.set(value);
            }
        });
    });
}

/// Folds what happens in a build into `model` until it ends.
pub fn follow_build(number: i64, model: RwSignal<LogModel>, link: RwSignal<Link>) {
    Effect::new(move |_| {
        if model.with_untracked(|model| model.end.is_some()) {
            return;
        }
        let stream = StoredValue::new_local(None::<Stream>);
        let batch = Batch::new(move |texts: Vec<String>| {
            let outcome = model.try_update(|model| {
                let whole = fold(model, &texts);
                (whole, model.end.is_some())
            });
            match outcome {
                Some((_, true)) => {
                    stream.set_value(None);
                    link.set(Link::Idle);
                }
                // The stream starts again after the last record that is here.
                Some((false, false)) => stream.with_value(|stream| stream.iter().for_each(Stream::reopen)),
                Some((true, false)) | None => {}
            }
        });
        let url = move || {
            format!(
                "/api/v1/builds/{number}/events?after={}",
                model.with_untracked(|model| model.last_seq)
            )
        };
        let opened = Stream::open("record", url, move |text| batch.push(text), move |now| link.set(now));
        stream.set_value(Some(opened));
    });
}

/// Whether all of it fitted.
fn fold(model: &mut LogModel, texts: &[String]) -> bool {
    texts
        .iter()
        .all(|text| serde_json::from_str::<BuildRecord>(text).is_ok_and(|record| model.apply(record) != Merge::Gap))
}

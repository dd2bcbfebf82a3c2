//! How long a build is stored, and keeping it for ever.

use leptos::{form::ActionForm, prelude::*};
use prt_types::builds::BuildView;

use super::server_fns::PinBuild;
use crate::components::{Button, MetaItem, time::utc_text};

/// The day of a time.
pub fn day(ms: i64) -> String {
    utc_text(ms).chars().take(10).collect()
}

/// Until when the build and its log are stored; nothing while it runs.
fn words(build: &BuildView) -> Vec<String> {
    if build.pinned {
        return vec!["Pinned: the build and its log are kept for ever".into()];
    }
    if !build.status.is_final() {
        return vec![];
    }
    let log = match (build.log_deleted_ms, build.log_expires_ms) {
        (Some(ms), _) => format!("Log was deleted on {}", day(ms)),
        (None, Some(ms)) => format!("Log is kept until {}", day(ms)),
        (None, None) => "Log is kept for ever".to_owned(),
    };
    let record = match build.expires_ms {
        Some(ms) => format!("Build record is kept until {}", day(ms)),
        None => "Build record is kept for ever".to_owned(),
    };
    vec![log, record]
}

/// One of the build's facts.
#[component]
pub fn StoredUntil(view: RwSignal<BuildView>) -> impl IntoView {
    move || {
        let lines = view.with(words);
        (!lines.is_empty()).then(|| {
            let lines = lines.into_iter().map(|line| view! { <div>{line}</div> }).collect_view();
            view! {
                <MetaItem label="Retention" attr:class="meta-wide">
                    {lines}
                </MetaItem>
            }
        })
    }
}

/// Pins the build, or ends that.
#[component]
pub fn PinButton(view: RwSignal<BuildView>) -> impl IntoView {
    let number = view.with_untracked(|view| view.number);
    let action = ServerAction::<PinBuild>::new();
    let pinned = Memo::new(move |_| view.with(|view| view.pinned));
    Effect::new(move |_| {
        if matches!(action.value().get(), Some(Ok(()))) {
            view.update(|view| {
                view.pinned = !view.pinned;
                if view.pinned {
                    (view.expires_ms, view.log_expires_ms) = (None, None);
                }
            });
            leptos::task::spawn_local(async move {
                if let Ok(fresh) = super::server_fns::get_build(number).await {
                    view.try_set(fresh);
                }
            });
        }
    });
    let failed = move || {
        action.value().with(|value| match value {
            Some(Err(error)) => Some(view! { <p class="field-error" role="alert">{error.to_string()}</p> }),
            Some(Ok(())) | None => None,
        })
    };
    view! {
        <ActionForm action attr:class="inline-form">
            <input type="hidden" name="number" value=number />
            {move || (!pinned.get()).then(|| view! { <input type="hidden" name="pinned" value="true" /> })}
            <Button busy=action.pending()>{move || if pinned.get() { "Unpin" } else { "Pin" }}</Button>
            {failed}
        </ActionForm>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(more: serde_json::Value) -> BuildView {
        let mut view = serde_json::json!({
            "number": 7, "id": "0190b2f4-0000-7000-8000-000000000001", "worker": "Worker-1", "owner": "ada", "door": "cli",
            "name": "r/x", "tag": "1", "reference": "r/x:1", "push_image": true, "build_args": {}, "credentials": [],
            "insecure_registry": false, "no_cache": false, "context": "", "dockerfile": "", "status": "Succeeded",
            "reason": null, "message": "", "step": null, "digest": null, "rerun_of": null, "created_ms": 0,
            "started_ms": null, "ended_ms": null, "steps": 0, "steps_cached": 0, "lines": 0, "last_seq": 0,
        });
        view.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(view).unwrap()
    }

    #[test]
    fn a_build_says_until_when_it_is_stored() {
        const DAY: i64 = 86_400_000;
        let said = |more| words(&build(more)).join("; ");
        assert_eq!(
            said(serde_json::json!({ "expires_ms": 180 * DAY, "log_expires_ms": 90 * DAY })),
            "Log is kept until 1970-04-01; Build record is kept until 1970-06-30"
        );
        assert_eq!(
            said(serde_json::json!({ "log_deleted_ms": 5 })),
            "Log was deleted on 1970-01-01; Build record is kept for ever"
        );
        assert_eq!(
            said(serde_json::json!({ "pinned": true })),
            "Pinned: the build and its log are kept for ever"
        );
        assert_eq!(said(serde_json::json!({ "status": "Running" })), "");
    }
}

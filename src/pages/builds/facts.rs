use leptos::prelude::*;
use prt_types::{
    access::Door,
    builds::{BuildSecretView, BuildView},
};

use super::pin::StoredUntil;
use crate::components::{
    CopyButton, MetaItem, MetaList, RelativeTime,
    log_view::{ansi, model::LogModel},
    time::duration_text,
    use_now,
};

/// What a build is and how it went.
#[component]
pub fn Facts(view: RwSignal<BuildView>, model: RwSignal<LogModel>) -> impl IntoView {
    let now = use_now();
    // Without its log, only the record says how many there were.
    let no_log = view.with_untracked(|view| view.log_deleted_ms.is_some());
    let steps = Memo::new(move |_| {
        if no_log {
            return view.with(|view| format!("{}, {} cached", view.steps, view.steps_cached));
        }
        let (done, cached, all) = model.with(LogModel::counts);
        match all {
            0 => "none yet".to_owned(),
            all => format!("{done} of {all}, {cached} cached"),
        }
    });
    let slowest = Memo::new(move |_| {
        // Running steps count once the browser's clock is known.
        let now = now.get().unwrap_or_default();
        model.with(|model| {
            model
                .slowest(now)
                .map(|(row, took)| (ansi::plain(&row.step.name), duration_text(took)))
        })
    });
    let ended = move || model.with(|model| model.end.is_some());
    let digest = Memo::new(move |_| {
        view.with(|view| view.digest.clone())
            .or_else(|| model.with(|model| model.end.as_ref().and_then(|end| end.digest.clone())))
    });
    let fixed = view.get_untracked();
    let door = match fixed.door {
        Door::Console => "console",
        Door::Api => "API",
        Door::Cli => "prtcli",
        Door::Sdk => "SDK",
        Door::System => "system",
    };
    let args = (!fixed.build_args.is_empty()).then(|| {
        let args = fixed
            .build_args
            .iter()
            .map(|(key, value)| view! { <code>{format!("{key}={value}")}</code> " " })
            .collect_view();
        view! { <MetaItem label="Build args">{args}</MetaItem> }
    });
    let logins = (!fixed.credentials.is_empty()).then(|| {
        let logins = fixed
            .credentials
            .iter()
            .map(|login| view! { <div class="breakable">{login.text()}</div> })
            .collect_view();
        view! {
            <MetaItem label="Registry logins" attr:class="meta-wide">
                {logins}
            </MetaItem>
        }
    });
    let mut choices = Vec::new();
    if !fixed.push_image {
        choices.push("not pushed");
    }
    if fixed.insecure_registry {
        choices.push("insecure push");
    }
    if fixed.no_cache {
        choices.push("without cache");
    }
    if fixed.options.pull {
        choices.push("base images pulled");
    }
    if fixed.options.oci_mediatypes == Some(false) {
        choices.push("Docker media types");
    }
    if fixed.options.dockerfile_given {
        choices.push("Dockerfile sent along");
    }
    let choices = (!choices.is_empty()).then(|| view! { <MetaItem label="Settings">{choices.join(", ")}</MetaItem> });
    let words = |label: &'static str, text: String| {
        (!text.is_empty()).then(|| {
            view! {
                <MetaItem label attr:class="meta-wide">
                    <span class="mono breakable">{text}</span>
                </MetaItem>
            }
        })
    };
    let options = fixed.options.clone();
    let pairs = |map: &std::collections::BTreeMap<String, String>| {
        map.iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let secrets: Vec<String> = options.secrets.iter().map(BuildSecretView::text).collect();
    let limits = [options.shm_size.clone(), options.ulimits.join(", ")];
    let limits = limits.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>();
    let options = [
        ("Further tags", options.additional_tags.join(", ")),
        ("Target", options.target),
        ("Platforms", options.platforms.join(", ")),
        ("Labels", pairs(&options.labels)),
        ("Secrets", secrets.join(", ")),
        ("Network", options.network),
        ("Hosts", options.add_hosts.join(", ")),
        ("Limits", limits.join(", ")),
        ("Caches read", options.cache_from.join(", ")),
        ("Caches written", options.cache_to.join(", ")),
    ]
    .map(|(label, text)| words(label, text));
    let parameters = words("Build parameters", fixed.additional_build_params.clone());
    let command = words("Build command", fixed.custom_build_command.clone());
    let rerun = fixed.rerun_of.map(|number| {
        view! {
            <MetaItem label="Run again from">
                <a href=format!("/builds/{number}")>{format!("#{number}")}</a>
            </MetaItem>
        }
    });
    view! {
        <MetaList>
            <MetaItem label="Worker">
                <a href=format!("/workers/{}", fixed.worker)>{fixed.worker.clone()}</a>
            </MetaItem>
            <MetaItem label="Started by">{format!("{}, {door}", fixed.owner)}</MetaItem>
            <MetaItem label="Started">
                <RelativeTime ms=Signal::derive(move || view.with(|view| view.started_ms.unwrap_or(view.created_ms))) />
            </MetaItem>
            <MetaItem label="Steps">{steps}</MetaItem>
            {(!no_log).then(|| view! { <MetaItem label="Slowest step" attr:class="meta-wide">
                {move || match slowest.get() {
                    Some((name, took)) => {
                        let title = name.clone();
                        view! {
                            <span class="slowest">
                                <span class="mono" title=title>{name}</span>
                                <span class="muted">{took}</span>
                            </span>
                        }
                            .into_any()
                    }
                    None => view! { <span class="muted">{if ended() { "none took 0.1 s" } else { "–" }}</span> }.into_any(),
                }}
            </MetaItem> })}
            <StoredUntil view />
            {args}
            {logins}
            {choices}
            {options.into_iter().collect_view()}
            {parameters}
            {command}
            {rerun}
            {move || {
                digest
                    .get()
                    .map(|digest| {
                        view! {
                            <MetaItem label="Digest" attr:class="meta-wide">
                                <span class="mono breakable" data-digest=digest.clone()>
                                    {digest.clone()}
                                </span>
                                " "
                                <CopyButton text=digest what="digest" />
                            </MetaItem>
                        }
                    })
            }}
        </MetaList>
    }
}

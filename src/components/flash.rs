//! The word after something was done, shown once on the page that follows.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_location, use_navigate, use_query_map},
};

use super::{Glyph, Icon};

/// What a redirect can say by `?done=…`. Fixed words: a link from elsewhere can make the console say nothing else.
const DONE: &[(&str, &str)] = &[
    ("image-added", "The Container Image was added."),
    (
        "image-saved",
        "The Container Image was saved. It holds from the next check on.",
    ),
    (
        "image-deleted",
        "The Container Image was deleted. Its access is gone from the next check on.",
    ),
    ("credential-added", "The registry credential is kept."),
    (
        "credential-saved",
        "The registry credential was saved. It holds from the next use on.",
    ),
    ("credential-deleted", "The registry credential was deleted."),
    ("credential-works", "The registry let the login in."),
    ("secret-added", "The secret is kept."),
    (
        "secret-saved",
        "The secret was saved. New workers get it; running ones keep what they have.",
    ),
    ("secret-deleted", "The secret was deleted."),
    ("token-revoked", "The API token has ended."),
    ("size-added", "The worker size was added."),
    (
        "size-saved",
        "The worker size was saved. New workers get it; running ones keep what they have.",
    ),
    ("size-deleted", "The worker size was deleted."),
    ("context-added", "The security context was added."),
    (
        "context-saved",
        "The security context was saved. New workers get it; running ones keep what they have.",
    ),
    ("context-deleted", "The security context was deleted."),
    ("worker-created", "The worker is being started."),
    ("worker-terminated", "The worker is being terminated."),
    ("worker-adopted", "The worker has a record again."),
    (
        "worker-removed",
        "The containers and volumes of the worker were removed.",
    ),
    (
        "certificates-saved",
        "The certificates were saved. Builders that start from now on get them if injection is on.",
    ),
    (
        "certificates-on",
        "Builders that start from now on get the certificates.",
    ),
    (
        "certificates-off",
        "Builders that start from now on get no private certificates.",
    ),
    ("certificates-removed", "The certificates were removed."),
    ("host-checked", "The host was checked."),
    ("cache-emptied", "The builder's cache is empty."),
    ("config-applied", "The build service runs with this configuration."),
    (
        "config-waits",
        "The configuration is applied when the running build has ended.",
    ),
    ("build-started", "The build was started."),
    ("build-canceled", "The build is being canceled."),
    ("build-pinned", "The build is pinned: it and its log are kept for ever."),
    (
        "build-unpinned",
        "The build is not pinned any more: it and its log are deleted when they are old.",
    ),
    ("retention-ran", "What was older than its rule is deleted."),
    ("logged-out", "You are logged out."),
];

/// Shows the word for `?done=…` of the address. With WebAssembly the address is cleaned up, so that a reload or a copied link
/// does not say it again.
#[component]
pub fn Flash() -> impl IntoView {
    let query = use_query_map();
    let location = use_location();
    let word = RwSignal::new(None::<&'static str>);
    let find = move || {
        let code = query.with_untracked(|query| query.get("done"))?;
        DONE.iter().find(|(known, _)| *known == code).map(|(_, word)| *word)
    };
    word.set(find());
    let navigate = use_navigate();
    Effect::new(move |before: Option<String>| {
        let path = location.pathname.get();
        query.track();
        match find() {
            Some(found) => {
                word.set(Some(found));
                let rest = query.with_untracked(|query| {
                    let mut rest = query.clone();
                    rest.remove("done");
                    rest.to_query_string()
                });
                let options = NavigateOptions {
                    replace: true,
                    scroll: false,
                    ..NavigateOptions::default()
                };
                navigate(&format!("{path}{rest}"), options);
            }
            // On to another page: the word has been read.
            None if before.is_some_and(|before| before != path) => word.set(None),
            None => {}
        }
        path
    });
    view! {
        <div class="flash" role="status">
            {move || {
                word.get()
                    .map(|word| {
                        view! {
                            <div class="note note-ok">
                                <Icon glyph=Glyph::Check />
                                <div class="note-text">{word}</div>
                            </div>
                        }
                    })
            }}
        </div>
    }
}

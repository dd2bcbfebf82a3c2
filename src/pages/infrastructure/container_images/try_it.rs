//! Tries a rule on an image before anybody depends on it.

use leptos::{either::Either, leptos_dom::helpers::debounce, prelude::*, task::spawn_local};
use leptos_router::hooks::use_query_map;
use prt_types::container_images::MatchKind;

use super::server_fns::{Preview, container_image_preview};
use crate::components::{Card, Note, NoteTone};

/// A box for an image's name and the answer. With WebAssembly it follows the form as it is typed; without, a plain GET form tries
/// the rule as it is saved (`?try=…`).
#[component]
pub fn TryIt(
    /// The rule's image as typed.
    image: RwSignal<String>,
    /// The answer for the rule as it is saved; none for a new rule, which cannot be tried without WebAssembly.
    saved: Option<Preview>,
    /// Whether the form begins with another image than the saved one.
    draft: bool,
) -> impl IntoView {
    let query = use_query_map();
    let tried = RwSignal::new(query.with_untracked(|query| query.get("try")).unwrap_or_default());
    let only_live = saved.is_none();
    let answer = RwSignal::new(if draft { None } else { saved });
    // Not every key is a request.
    let mut ask = debounce(
        std::time::Duration::from_millis(200),
        move |(rule, tried_then): (String, String)| {
            spawn_local(async move {
                let preview = container_image_preview(rule.clone(), tried_then.clone()).await.ok();
                let is_current =
                    image.try_get_untracked() == Some(rule) && tried.try_get_untracked() == Some(tried_then);
                if is_current {
                    answer.try_set(preview);
                }
            });
        },
    );
    Effect::new(move |before: Option<()>| {
        let now = (image.get(), tried.get());
        if before.is_some() || draft {
            ask(now);
        }
    });
    let typed = tried.get_untracked();
    view! {
        <Card title="Try it" padded=true>
            <form method="get" class="try-it" class:js-only=only_live on:submit=|event| event.prevent_default()>
                <label for="try">"An image"</label>
                <input
                    id="try"
                    name="try"
                    class="input mono"
                    value=typed
                    placeholder="my-registry.my-company.com/demo/x:1"
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                    aria-describedby="try-answer"
                    on:input=move |event| tried.set(event_target_value(&event))
                />
                <button class="button no-js-only">"Try the saved rule"</button>
            </form>
            <div id="try-answer" role="status">
                {move || match answer.get() {
                    Some(preview) if !image.with(|image| image.trim().is_empty()) => {
                        Either::Left(view! { <Answer preview /> })
                    }
                    _ => {
                        Either::Right(
                            view! { <p class="hint">"Write the rule's image, then see here what it matches."</p> },
                        )
                    }
                }}
            </div>
        </Card>
    }
}

#[component]
fn Answer(preview: Preview) -> impl IntoView {
    let kind = match preview.rule {
        Err(problem) => {
            return view! {
                <Note tone=NoteTone::Bad>
                    <span class="pre-wrap">{problem}</span>
                </Note>
            }
            .into_any();
        }
        Ok(kind) => kind,
    };
    let read_as = match kind {
        MatchKind::Exact => "The rule is an exact name.",
        MatchKind::Any => "The rule matches every image.",
        MatchKind::Pattern => "The rule is a pattern.",
    };
    let tried = match preview.tried {
        None => ().into_any(),
        Some(Err(problem)) => view! { <Note tone=NoteTone::Bad>{problem}</Note> }.into_any(),
        Some(Ok((reference, true))) => view! {
            <Note tone=NoteTone::Ok>
                <b>"Matches "</b>
                <code class="wrap">{reference}</code>
            </Note>
        }
        .into_any(),
        Some(Ok((reference, false))) => view! {
            <Note tone=NoteTone::Warn>
                <b>"Does not match "</b>
                <code class="wrap">{reference}</code>
            </Note>
        }
        .into_any(),
    };
    view! {
        <p class="hint">{read_as}</p>
        {tried}
    }
    .into_any()
}

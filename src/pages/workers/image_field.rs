use std::time::Duration;

use leptos::{either::EitherOf3, prelude::*, task::spawn_local};
use prt_types::container_images::{ImageCheck, ImageChoice, MatchKind};

use super::server_fns::check_image;
use crate::components::{Field, Glyph, Icon};

/// How long the typing must rest before the name is checked.
const REST: Duration = Duration::from_millis(250);

/// The image, with proposals, and what the console makes of it.
#[component]
pub fn ImageField(value: String, choices: Vec<ImageChoice>) -> impl IntoView {
    let typed = RwSignal::new(value.clone());
    let check = RwSignal::new(None::<Result<ImageCheck, String>>);
    let timer = StoredValue::new(None::<TimeoutHandle>);
    let look = move || {
        // The page may be left while the typing rests.
        let Some(text) = typed.try_get_untracked().map(|text| text.trim().to_owned()) else {
            return;
        };
        if text.is_empty() {
            check.set(None);
            return;
        }
        spawn_local(async move {
            let answer = check_image(text.clone()).await;
            // An answer to what is no longer there is no answer.
            if typed.try_get_untracked().is_some_and(|now| now.trim() == text) {
                check.try_set(Some(answer.map_err(|error| error.to_string())));
            }
        });
    };
    let on_input = move |event| {
        typed.set(event_target_value(&event));
        let next = set_timeout_with_handle(look, REST).ok();
        if let Some(before) = timer.try_update_value(|timer| std::mem::replace(timer, next)).flatten() {
            before.clear();
        }
    };
    // A prefilled name is judged at once.
    Effect::new(move |_| look());

    let proposals = choices
        .iter()
        .filter(|choice| !choice.image.is_empty())
        .map(|choice| {
            let mut label = if choice.name == choice.image {
                choice.description.clone()
            } else {
                choice.name.clone()
            };
            if !choice.recommended_version.is_empty() {
                label = format!("{label} ({} is recommended)", choice.recommended_version);
            }
            let label = label.trim().to_owned();
            view! { <option value=choice.image.clone()>{label}</option> }
        })
        .collect_view();
    let rules: Vec<String> = choices
        .into_iter()
        .filter(|choice| choice.match_kind != MatchKind::Exact)
        .map(|choice| {
            if choice.match_kind == MatchKind::Any {
                "any image".to_owned()
            } else {
                choice.rule
            }
        })
        .collect();
    let rules = StoredValue::new(rules);
    let hint = move || match check.get() {
        Some(Ok(check)) => EitherOf3::A(view! { <Verdict check /> }),
        Some(Err(message)) => EitherOf3::B(view! { <span class="verdict verdict-bad">{message}</span> }),
        None => EitherOf3::C(rules.with_value(|rules| {
            view! {
                "A short name gets the default registry and the platform version. "
                {(!rules.is_empty())
                    .then(|| {
                        let rules = rules.iter().map(|rule| view! { <code>{rule.clone()}</code> " " }).collect_view();
                        view! { "You may also use: " {rules} }
                    })}
            }
        })),
    };
    view! {
        <Field path="worker_image" label="Image" required=true hint=move || view! { <span aria-live="polite">{hint}</span> } let:control>
            <input
                type="text"
                id=control.id
                name=control.name
                value=value
                class="input mono"
                list="image-choices"
                placeholder="practicus-minimal"
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                aria-describedby=control.described_by
                aria-invalid=move || control.invalid.get()
                aria-required=control.required
                on:input=on_input
            />
            <datalist id="image-choices">{proposals}</datalist>
        </Field>
    }
}

/// What a name means and whether it may be run.
#[component]
pub fn Verdict(check: ImageCheck) -> impl IntoView {
    let (class, glyph) = if check.allowed {
        ("verdict verdict-ok", Glyph::Check)
    } else {
        ("verdict verdict-bad", Glyph::Cross)
    };
    view! {
        <span class=class data-verdict=if check.allowed { "allowed" } else { "denied" }>
            <span class="mono breakable">{check.reference}</span>
            <span>
                <Icon glyph />
                {check.reason}
            </span>
        </span>
    }
}

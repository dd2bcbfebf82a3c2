use leptos::prelude::*;
use prt_types::worker_sizes::WorkerSizeView;

use super::{form::ImageForm, limits};
use crate::components::{CheckField, Field};

/// Whether a builder runs beside the image, and how the two share the size.
#[component]
pub fn BuilderField(image: ImageForm, sizes: Vec<WorkerSizeView>, size: RwSignal<String>) -> impl IntoView {
    let on = RwSignal::new(image.builder);
    let capacity = RwSignal::new(image.builder_capacity.clone());
    // Everything is in sight for browsers without WebAssembly; with it only what applies.
    let live = RwSignal::new(false);
    Effect::new(move |_| live.set(true));
    let sizes = StoredValue::new(sizes);
    let preview = move || {
        let typed = capacity.get();
        let capacity = if typed.trim().is_empty() {
            50
        } else {
            typed.trim().parse::<i64>().ok()?
        };
        if !(1..=99).contains(&capacity) {
            return None;
        }
        let (primary, builder) = sizes.with_value(|sizes| {
            sizes
                .iter()
                .find(|known| known.name == size.get())
                .map(|size| limits::split(limits::net(size), capacity))
        })?;
        Some(view! {
            <span class="split-preview">
                <span>"Builder " <strong>{limits::text(&builder)}</strong></span>
                <span>"Your image " <strong>{limits::text(&primary)}</strong></span>
            </span>
        })
    };
    let value = image.builder_capacity;
    view! {
        <CheckField
            path="image_config.builder"
            label="Builds container images"
            checked=image.builder
            hint=|| "Starts a second container with BuildKit. It shares the folder ~/build with your image."
            on:change=move |event| {
                let target: leptos::web_sys::Event = event;
                on.set(event_target_checked(&target));
            }
        />
        <div class="form-part" hidden=move || live.get() && !on.get()>
            <Field
                path="image_config.builder_capacity"
                label="Builder's share"
                hint=move || view! { "Percent of the size, 1 to 99; empty = 50. " {preview} }
                let:control
            >
                <span class="with-unit">
                    <input
                        type="text"
                        inputmode="numeric"
                        id=control.id
                        name=control.name
                        value=value
                        class="input short num"
                        placeholder="50"
                        autocomplete="off"
                        aria-describedby=control.described_by
                        aria-invalid=move || control.invalid.get()
                        disabled=move || live.get() && !on.get()
                        on:input=move |event| capacity.set(event_target_value(&event))
                    />
                    <span aria-hidden="true">"%"</span>
                </span>
            </Field>
            <Field
                path="image_config.custom_builder_url"
                label="Builder image"
                hint=|| "Only to run another image than the console's own as builder; it needs access like any image."
                let:control
            >
                <input
                    type="text"
                    id=control.id
                    name=control.name
                    value=image.custom_builder_url
                    class="input mono"
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                    aria-describedby=control.described_by
                    aria-invalid=move || control.invalid.get()
                    disabled=move || live.get() && !on.get()
                />
            </Field>
        </div>
    }
}

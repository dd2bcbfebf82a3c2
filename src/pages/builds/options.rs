use leptos::prelude::*;

use super::option_form::{OptionForm, SECRET_ROWS, SecretForm};
use crate::components::{CheckField, Choice, FormContext, Glyph, Icon, SelectField, TextAreaField, TextField};

/// `docker build`'s options, closed as long as none is used.
#[component]
pub fn OptionFields(values: OptionForm) -> impl IntoView {
    let open = !values.is_empty();
    let networks = vec![
        Choice::new("", "Default"),
        Choice::new("none", "None").with_hint("RUN steps reach nothing"),
    ];
    view! {
        <details class="more" open=open>
            <summary>"More options"</summary>
            <div class="form-part">
                <TextField
                    path="target"
                    label="Target"
                    value=values.target
                    mono=true
                    hint=|| "The stage of the Dockerfile to build. Empty: the last one."
                />
                <TextAreaField
                    path="additional_tags"
                    label="Further tags"
                    value=values.additional_tags
                    mono=true
                    rows=2
                    placeholder="my-registry.example.com/demo/my-image:latest"
                    hint=|| "One a line, NAME:TAG. The image is pushed under these names, too."
                />
                <TextField
                    path="platforms"
                    label="Platforms"
                    value=values.platforms
                    mono=true
                    placeholder="linux/amd64, linux/arm64"
                    hint=|| "Empty: the builder's own."
                />
                <TextAreaField
                    path="labels"
                    label="Labels"
                    value=values.labels
                    mono=true
                    rows=2
                    placeholder="KEY=VALUE"
                    hint=|| "One a line."
                />
                <SecretRows rows=values.secrets />
                <CheckField
                    path="pull"
                    label="Always pull base images"
                    checked=values.pull
                    hint=|| "Asks the registries also for images that the builder has already."
                />
                <SelectField path="network" label="Network" choices=networks value=values.network />
                <TextAreaField
                    path="add_hosts"
                    label="Hosts"
                    value=values.add_hosts
                    mono=true
                    rows=2
                    placeholder="db.example.com:192.0.2.7"
                    hint=|| "One a line, NAME:ADDRESS, for /etc/hosts in RUN steps."
                />
                <TextField
                    path="shm_size"
                    label="Size of /dev/shm"
                    value=values.shm_size
                    mono=true
                    placeholder="128m"
                    hint=|| "For RUN steps."
                />
                <TextAreaField
                    path="ulimits"
                    label="Limits"
                    value=values.ulimits
                    mono=true
                    rows=2
                    placeholder="nofile=1024:2048"
                    hint=|| "One a line, for RUN steps."
                />
                <TextAreaField
                    path="cache_from"
                    label="Caches to read"
                    value=values.cache_from
                    mono=true
                    rows=2
                    placeholder="my-registry.example.com/demo/cache"
                    hint=|| "One a line: an image, or type=registry,ref=IMAGE."
                />
                <TextAreaField
                    path="cache_to"
                    label="Caches to write"
                    value=values.cache_to
                    mono=true
                    rows=2
                    placeholder="type=registry,ref=my-registry.example.com/demo/cache,mode=max"
                    hint=|| "One a line: type=registry,ref=IMAGE or type=inline."
                />
                <CheckField
                    path="docker_mediatypes"
                    label="Docker media types"
                    checked=values.docker_mediatypes
                    hint=|| "For registries that take only Docker's own image format (oci-mediatypes=false)."
                />
            </div>
        </details>
    }
}

/// Secrets, a row each. Values are never filled in.
#[component]
fn SecretRows(rows: Vec<SecretForm>) -> impl IntoView {
    let mut rows = rows;
    rows.resize_with(SECRET_ROWS, SecretForm::default);
    let items = rows
        .into_iter()
        .enumerate()
        .map(|(at, row)| {
            let number = at + 1;
            view! {
                <div class="credential-row secret-row" role="group" aria-label=format!("Secret {number}")>
                    <input
                        type="text"
                        id=if at == 0 { Some("f-secrets") } else { None }
                        class="input mono"
                        name=format!("secrets[{at}][id]")
                        value=row.id
                        placeholder="npmrc"
                        aria-label=format!("Secret {number}: id")
                        autocomplete="off"
                        autocapitalize="none"
                        spellcheck="false"
                    />
                    <textarea
                        class="input mono"
                        name=format!("secrets[{at}][value]")
                        rows="1"
                        aria-label=format!("Secret {number}: value")
                        autocomplete="off"
                        autocapitalize="none"
                        spellcheck="false"
                    ></textarea>
                </div>
            }
        })
        .collect_view();
    let error = expect_context::<FormContext>().error;
    let message = move || error.with(|error| error.as_ref()?.field("secrets").map(str::to_owned));
    view! {
        <fieldset class="field" class:is-invalid=move || message().is_some()>
            <legend>"Secrets"</legend>
            <div class="field-control">
                {items}
                {move || {
                    message()
                        .map(|message| {
                            view! {
                                <p class="field-error">
                                    <Icon glyph=Glyph::Cross />
                                    <span>{message}</span>
                                </p>
                            }
                        })
                }}
                <div class="hint">
                    "Id and value, for RUN --mount=type=secret,id=…. Values are masked in the log and forgotten when the build ends."
                </div>
            </div>
        </fieldset>
    }
}

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use prt_types::{ApiError, registry_credentials::RegistryCredentialView};

use super::{
    builder_field::BuilderField,
    form::{ImageForm, WorkerForm},
    image_field::ImageField,
    secrets_field::SecretsField,
    server_fns::{Choices, CreateWorker, worker_choices},
    size_field::SizeField,
};
use crate::{
    components::{
        Button, ButtonKind, ButtonLink, Choice, Crumb, Form, Load, PageTitle, PasswordField, SelectField,
        TextAreaField, TextField,
    },
    forms::form_state,
    pages::infrastructure::{
        container_images::service_choices,
        registries::{secret_choices, usable_credentials},
    },
};

/// The form that starts a worker; `?image=…&size=…&builder=1&pull_policy=…` fill it in.
#[component]
pub fn WorkerNewPage() -> impl IntoView {
    let query = use_query_map();
    let draft = form_state::<WorkerForm>("worker-new");
    let data = Resource::new_blocking(|| (), |()| worker_choices());
    let credentials = Resource::new_blocking(|| (), |()| usable_credentials());
    view! {
        <PageTitle title="Start a worker" crumbs=vec![Crumb::link("Workers", "/workers")] />
        <Load from=data let:choices>
            <Suspense>
                {move || {
                    let choices = choices.clone();
                    Suspend::new(async move {
                        let (values, error) = match draft.await {
                            Some(draft) => (draft.values, Some(draft.error)),
                            None => (query.with_untracked(prefilled), None),
                        };
                        let credentials = credentials.await.unwrap_or_default();
                        view! { <WorkerFormView choices credentials values error /> }
                    })
                }}
            </Suspense>
        </Load>
    }
}

fn prefilled(query: &leptos_router::params::ParamsMap) -> WorkerForm {
    WorkerForm {
        worker_image: query.get("image").unwrap_or_default(),
        worker_size: query.get("size").unwrap_or_default(),
        image_config: ImageForm {
            builder: query.get("builder").is_some(),
            pull_policy: query.get("pull_policy").unwrap_or_default(),
            ..ImageForm::default()
        },
        ..WorkerForm::default()
    }
}

#[component]
fn WorkerFormView(
    choices: Choices,
    credentials: Vec<RegistryCredentialView>,
    mut values: WorkerForm,
    error: Option<ApiError>,
) -> impl IntoView {
    let action = ServerAction::<CreateWorker>::new();
    if values.worker_size.is_empty() {
        let first = choices
            .sizes
            .iter()
            .find(|size| size.default)
            .or_else(|| choices.sizes.first());
        values.worker_size = first.map(|size| size.name.clone()).unwrap_or_default();
    }
    let size = RwSignal::new(values.worker_size.clone());
    // What was refused must be seen.
    let more = values.image_config.pull_policy.len()
        + values.startup_script.len()
        + values.log_level.len()
        + values.env_variables.len()
        + values.additional_params.len()
        + values.network_protocol.len()
        + values.service_type.len()
        > 0;
    let policies = vec![
        Choice::new("", "The image's own setting"),
        Choice::new("Always", "Always"),
        Choice::new("IfNotPresent", "If not present"),
        Choice::new("Never", "Never"),
    ];
    let mut levels = vec![Choice::new("", "Unset")];
    levels.extend(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"].map(|level| Choice::new(level, level)));
    let protocols = vec![
        Choice::new("", "The console's own"),
        Choice::new("http", "http"),
        Choice::new("https", "https"),
    ];
    let mut services = vec![Choice::new("", "What the image is for")];
    services.extend(service_choices());
    let image = values.image_config.clone();
    view! {
        <section class="card card-padded">
            <Form action error>
                <ImageField value=values.worker_image choices=choices.images />
                <SizeField value=values.worker_size sizes=choices.sizes.clone() chosen=size />
                <BuilderField image=image.clone() sizes=choices.sizes size />
                <TextField
                    path="image_config.repo_username"
                    label="Registry user"
                    value=image.repo_username
                    hint=|| "Only for an image in a registry that wants a login. Used for this pull and not kept."
                />
                <PasswordField path="image_config.repo_password" label="Registry password" />
                <SelectField
                    path="image_config.repo_secret_name"
                    label="Private registry secret name"
                    choices=secret_choices(&credentials, "None", &image.repo_secret_name)
                    value=image.repo_secret_name
                    hint=|| {
                        view! {
                            "A kept credential instead of user and password. "
                            <a href="/infrastructure/registries">"Registries"</a>
                        }
                    }
                />
                <SecretsField secrets=choices.secrets personal=values.personal_secrets shared=values.shared_secrets />
                <details class="more" open=more>
                    <summary>"More"</summary>
                    <div class="form-part">
                        <SelectField path="image_config.pull_policy" label="Pull" choices=policies value=image.pull_policy />
                        <TextAreaField
                            path="env_variables"
                            label="Environment"
                            value=values.env_variables
                            mono=true
                            rows=3
                            placeholder="KEY=VALUE"
                            hint=|| "One a line. The engine shows them to admins: no place for secrets."
                        />
                        <TextAreaField
                            path="startup_script"
                            label="Startup script"
                            value=values.startup_script
                            mono=true
                            rows=4
                            hint=|| "Shell commands that run before the image's own start command."
                        />
                        <TextAreaField
                            path="additional_params"
                            label="Parameters"
                            value=values.additional_params
                            mono=true
                            rows=3
                            placeholder="{\"nodes\": 3}"
                            hint=|| "A JSON object for programs in the worker, in PRT_ADDITIONAL_PARAMS. No place for secrets."
                        />
                        <SelectField
                            path="service_type"
                            label="Service type"
                            choices=services
                            value=values.service_type
                            hint=|| "That of the image's Container Image."
                        />
                        <SelectField
                            path="network_protocol"
                            label="Protocol"
                            choices=protocols
                            value=values.network_protocol
                            hint=|| "Workers are reached through the console, by what its address speaks."
                        />
                        <SelectField path="log_level" label="Log level" choices=levels value=values.log_level />
                    </div>
                </details>
                <div class="form-actions">
                    <Button kind=ButtonKind::Primary busy=action.pending()>
                        "Start the worker"
                    </Button>
                    <ButtonLink href="/workers".to_owned() kind=ButtonKind::Quiet>
                        "Cancel"
                    </ButtonLink>
                </div>
            </Form>
        </section>
    }
}

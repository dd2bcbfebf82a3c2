//! The editor's fields, in cards.

use leptos::prelude::*;
use prt_types::{container_images::ServiceType, registry_credentials::RegistryCredentialView};

use super::{form::ContainerImageForm, server_fns::Editor};
use crate::{
    components::{Card, CheckField, Choice, PasswordField, SelectField, TextAreaField, TextField},
    pages::infrastructure::registries::secret_choices,
};

/// What the rule matches and how it is shown.
#[component]
pub fn ImageCard(
    /// The values at first.
    values: ContainerImageForm,
    /// Version and registry of the deployment.
    editor: Editor,
    /// Follows what is typed as the image.
    image: RwSignal<String>,
) -> impl IntoView {
    let short = format!("{}/practicus-minimal", editor.default_registry);
    let image_hint = move || {
        view! {
            <ul class="hint-list">
                <li>
                    <b>"Exact"</b>
                    " a name such as "
                    <code>"my-registry.my-company.com/team/image"</code>
                    ", with a tag or digest only that one. A short name is one of "
                    <code>{short.clone()}</code>
                    "."
                </li>
                <li>
                    <b>"Any"</b>
                    " "
                    <code>"*"</code>
                    " every image there is."
                </li>
                <li>
                    <b>"Pattern"</b>
                    " a regular expression that begins with "
                    <code>"^"</code>
                    ", such as "
                    <code>{r"^my-registry\.my-company\.com\/demo\/"}</code>
                    ". It is anchored at the start and ends at a "
                    <code>"/"</code>
                    ", the tag or the end. "
                    <code>{r"\."}</code>
                    " is a dot."
                </li>
            </ul>
        }
    };
    let version_hint = format!(
        "Given to an image of an exact rule that is asked for without a tag. Empty: {}.",
        editor.platform_version
    );
    view! {
        <Card title="Image">
            <TextField
                path="image"
                label="Image"
                required=true
                mono=true
                value=values.image
                hint=image_hint
                on:input=move |event| image.set(event_target_value(&event))
            />
            <SelectField path="service_type" label="Service type" choices=service_choices() value=values.service_type.name() />
            <TextField path="name" label="Name" value=values.name hint=|| "Shown to users. Empty: the image itself." />
            <TextField path="description" label="Description" value=values.description />
            <TextField path="version" label="Version" mono=true value=values.version hint=move || version_hint.clone() />
            <TextField
                path="minimum_version"
                label="Minimum version"
                mono=true
                value=values.minimum_version
                hint=|| "Lower versions are refused."
            />
            <TextField
                path="recommended_version"
                label="Recommended version"
                mono=true
                value=values.recommended_version
                hint=|| "Shown to users as the one to take."
            />
            <TextField
                path="order"
                label="Order"
                inputmode="numeric"
                value=values.order
                hint=|| "Larger comes first in lists, and decides when several rules match."
            />
        </Card>
    }
}

/// How the image is pulled and started.
#[component]
pub fn RunCard(
    /// The values at first.
    values: ContainerImageForm,
    /// Whether a password is stored.
    has_password: bool,
    /// Kept credentials to choose from.
    secrets: Vec<RegistryCredentialView>,
) -> impl IntoView {
    let policies = vec![
        Choice::new("", "Namespace default"),
        Choice::new("Always", "Always").with_hint("at every start"),
        Choice::new("IfNotPresent", "IfNotPresent").with_hint("only when it is missing"),
        Choice::new("Never", "Never").with_hint("it must be there"),
    ];
    let password_hint = move || {
        if has_password {
            "Empty keeps the stored password. It is never shown."
        } else {
            "Stored encrypted; never shown."
        }
    };
    view! {
        <Card title="Pull and start">
            <SelectField path="pull_policy" label="Image pull policy" choices=policies value=values.pull_policy />
            <TextField
                path="repo_username"
                label="Registry user name"
                value=values.repo_username
                hint=|| {
                    "For a private registry; only for a rule that fixes one, letter by letter. Taken when a worker brings no credentials of its own."
                }
            />
            <PasswordField
                path="repo_password"
                label="Registry password"
                hint=password_hint
                placeholder=has_password.then_some("••••••••")
            />
            {has_password
                .then(|| {
                    view! {
                        <CheckField
                            path="clear_repo_password"
                            label="Forget the stored password"
                            checked=values.clear_repo_password
                        />
                    }
                })}
            <SelectField
                path="repo_secret_name"
                label="Private registry secret name"
                choices=secret_choices(&secrets, "None", &values.repo_secret_name)
                value=values.repo_secret_name
                hint=|| "A kept credential from Infrastructure > Registries, instead of user name and password. Users need no access to it."
            />
            <CheckField
                path="trusted_with_credentials"
                label="Trusted with shared credentials"
                checked=values.trusted_with_credentials
                hint=|| {
                    "For custom builder images. A builder can read the registry credentials and secrets that a build uses. Without this, builds in it use only the user's own."
                }
            />
            <TextAreaField
                path="startup_script"
                label="Startup script"
                mono=true
                rows=5
                value=values.startup_script
                hint=|| "Shell commands that run in the worker before the image's own start command. No place for secrets."
            />
        </Card>
    }
}

/// The service types to pick from.
pub fn service_choices() -> Vec<Choice> {
    [
        (ServiceType::CloudWorker, "Cloud Worker"),
        (ServiceType::Workspace, "Workspace"),
    ]
    .map(|(service, label)| Choice::new(service.name(), label))
    .into()
}

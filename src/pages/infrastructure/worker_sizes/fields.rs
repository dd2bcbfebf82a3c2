//! The editor's fields, in cards.

use leptos::prelude::*;

use super::{form::WorkerSizeForm, server_fns::Editor};
use crate::{
    components::{Card, CheckField, Choice, SelectField, TextAreaField, TextField},
    pages::infrastructure::container_images::AccessLists,
};

/// How much it is.
#[component]
pub fn AmountCard(values: WorkerSizeForm) -> impl IntoView {
    view! {
        <Card title="Size">
            <TextField path="name" label="Name" required=true value=values.name />
            <TextField
                path="cpu_millis"
                label="CPU cores"
                required=true
                inputmode="decimal"
                value=values.cpu_millis
                hint=|| "What the size reserves, such as 2 or 0.5."
            />
            <TextField
                path="cpu_net_millis"
                label="CPU net units (m)"
                required=true
                inputmode="numeric"
                value=values.cpu_net_millis
                hint=|| "Thousandths of a core that the containers get together; not more than the cores."
            />
            <TextField
                path="memory_mib"
                label="Memory GB"
                required=true
                inputmode="decimal"
                value=values.memory_mib
                hint=|| "What the size reserves; 1 GB is 1024 MB."
            />
            <TextField
                path="memory_net_mib"
                label="Memory net MB"
                required=true
                inputmode="numeric"
                value=values.memory_net_mib
                hint=|| "What the containers get together; not more than the memory."
            />
            <CheckField
                path="default"
                label="Default"
                checked=values.default
                hint=|| "Taken when a request names no size. One size is the default: this takes it from the other."
            />
        </Card>
    }
}

/// Devices and nodes.
#[component]
pub fn PlaceCard(values: WorkerSizeForm) -> impl IntoView {
    view! {
        <Card title="GPUs and nodes">
            <TextField
                path="gpus"
                label="GPUs"
                required=true
                inputmode="numeric"
                value=values.gpus
                hint=|| "Whole ones. Where the engine has no GPU runtime, a worker of this size fails to start and says so."
            />
            <TextField
                path="gpu_vram_gib"
                label="GPU VRAM GB"
                required=true
                inputmode="numeric"
                value=values.gpu_vram_gib
                hint=|| "Shown to users."
            />
            <TextField
                path="gpu_type"
                label="GPU type selector"
                mono=true
                value=values.gpu_type
                hint=|| "Chooses a node on Kubernetes. The Docker Engine has one machine and takes any of its GPUs."
            />
            <TextAreaField
                path="node_selector"
                label="Node selector"
                mono=true
                rows=3
                value=values.node_selector
                hint=|| "Labels as key=value, one a line. Chooses a node on Kubernetes; the Docker Engine has one machine."
            />
        </Card>
    }
}

/// What its workers may do, and whose they are.
#[component]
pub fn AccessCards(values: WorkerSizeForm, editor: Editor) -> impl IntoView {
    let choices = editor
        .contexts
        .into_iter()
        .map(|context| {
            Choice::new(context.name.clone(), context.name).with_hint(format!("Pod Security {}", context.level))
        })
        .collect();
    view! {
        <Card title="Security">
            <SelectField
                path="security_context"
                label="Security context"
                choices
                value=values.security_context
                hint=|| {
                    view! {
                        "What the engine gets for each is shown in "
                        <a href="/infrastructure/security-contexts">"Security Contexts"</a>
                        "."
                    }
                }
            />
            <CheckField
                path="confirm_privileged"
                label="Yes, give privileged rights"
                checked=values.confirm_privileged
                hint=|| "Only needed when a privileged security context is given to somebody: it makes them root on the host."
            />
        </Card>
        <Card title="Access" subtitle="who may start workers of this size">
            <AccessLists people=editor.people teams=editor.teams users=values.users groups=values.groups />
        </Card>
    }
}

use leptos::prelude::*;

use super::{
    Refused,
    server_fns::{ApplyBuildConfig, BuildConfigForm},
};
use crate::components::{Button, ButtonKind, CheckField, Form, TextField};

/// The list of insecure registries.
#[component]
pub fn SimpleForm(name: String, hosts: String, refused: Refused<BuildConfigForm>) -> impl IntoView {
    let action = ServerAction::<ApplyBuildConfig>::new();
    let (values, error) = match refused {
        Some(draft) => (draft.values, Some(draft.error)),
        None => (
            BuildConfigForm {
                insecure_registries: hosts,
                ..BuildConfigForm::default()
            },
            None,
        ),
    };
    view! {
        <Form action error>
            <input type="hidden" name="input[worker]" value=name />
            <TextField
                path="insecure_registries"
                label="Registries"
                mono=true
                value=values.insecure_registries
                placeholder="my-registry.my-company.com, 10.0.0.5:5000"
                hint=|| "Reached over HTTP, or over TLS whose certificate is not verified. Separated by commas. For pulls: a push has its own switch in the build's form."
            />
            <CheckField
                path="refuse"
                label="Fail if a build runs, instead of waiting for its end"
                checked=values.refuse
            />
            <div class="form-actions">
                <Button kind=ButtonKind::Primary busy=action.pending()>
                    "Apply"
                </Button>
            </div>
        </Form>
    }
}

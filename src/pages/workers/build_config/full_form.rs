use leptos::{html, leptos_dom::helpers::debounce, prelude::*, task::spawn_local};
use prt_types::build_config::Finding;

use super::{
    Findings, Refused,
    server_fns::{ApplyBuildConfig, BuildConfigForm, lint_build_config},
};
use crate::components::{Button, ButtonKind, CheckField, CodeEditor, Form, toml};

/// The whole of `buildkitd.toml`, looked at while it is typed.
#[component]
pub fn FullForm(name: String, text: String, refused: Refused<BuildConfigForm>) -> impl IntoView {
    let action = ServerAction::<ApplyBuildConfig>::new();
    let (values, error) = match refused {
        Some(draft) => (draft.values, Some(draft.error)),
        None => (
            BuildConfigForm {
                config_content: text,
                ..BuildConfigForm::default()
            },
            None,
        ),
    };
    let text = RwSignal::new(values.config_content.replace("\r\n", "\n"));
    let area = NodeRef::<html::Textarea>::new();
    let findings = RwSignal::new(None::<Vec<Finding>>);
    let worker = name.clone();
    let mut ask = debounce(std::time::Duration::from_millis(300), move |asked: String| {
        let worker = worker.clone();
        spawn_local(async move {
            let lint = lint_build_config(worker, asked.clone()).await.ok();
            if text.try_get_untracked() == Some(asked) {
                findings.try_set(lint.map(|lint| lint.findings));
            }
        });
    });
    Effect::new(move |before: Option<()>| {
        let now = text.get();
        if before.is_some() {
            ask(now);
        }
    });
    view! {
        <Form action error>
            <input type="hidden" name="input[worker]" value=name />
            <input type="hidden" name="input[full]" value="true" />
            <CodeEditor
                path="config_content"
                name="input[config_content]"
                label="buildkitd.toml"
                text
                highlight=toml
                area
                hint=|| {
                    view! {
                        "Replaces the whole file, also the installation's registries. "
                        <a href="https://docs.docker.com/build/buildkit/toml-configuration/" rel="noreferrer external" target="_blank">
                            "All keys"
                        </a>
                        "."
                    }
                }
            />
            <div role="status">
                {move || {
                    findings
                        .get()
                        .map(|findings| {
                            if findings.is_empty() {
                                view! { <p class="hint">"Nothing to say about this."</p> }.into_any()
                            } else {
                                view! { <Findings findings area /> }.into_any()
                            }
                        })
                }}
            </div>
            <CheckField
                path="refuse_full"
                label="Fail if a build runs, instead of waiting for its end"
                checked=values.refuse_full
            />
            <div class="form-actions">
                <Button kind=ButtonKind::Primary busy=action.pending()>
                    "Apply"
                </Button>
                <span class="hint">"Tried in the builder first. The build service restarts in about a second; the worker goes on."</span>
            </div>
        </Form>
    }
}

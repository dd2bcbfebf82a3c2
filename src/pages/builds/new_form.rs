use leptos::{context::Provider, prelude::*, task::spawn_local, wasm_bindgen::JsCast, web_sys};
use leptos_router::{NavigateOptions, hooks::use_navigate};
use prt_types::{ApiError, ErrorCode, registry_credentials::RegistryCredentialView};

use super::{
    credentials::{CredentialRows, KeptUses},
    file_picker::FilePicker,
    form::BuildForm,
    options::OptionFields,
    server_fns::{NewBuild, load_folder},
};
use crate::{
    client::upload::{self, Picked},
    components::{
        Button, ButtonKind, ButtonLink, CheckField, CheckList, Choice, CodeEditor, FormContext, FormErrors,
        SelectField, TextAreaField, TextField, step_tree::bytes_text,
    },
    error::AppError,
    pages::infrastructure::registries::named_choices,
};

const ADDRESS: &str = "/_fn/start_build";

/// The form. It is sent as `multipart/form-data` by every browser; with WebAssembly in the background, with a progress bar.
#[component]
pub fn BuildFormView(
    data: NewBuild,
    secrets: Vec<RegistryCredentialView>,
    values: BuildForm,
    error: Option<ApiError>,
) -> impl IntoView {
    let error = RwSignal::new(error);
    let sent = RwSignal::new(None::<(f64, f64)>);
    let busy = Signal::derive(move || sent.with(Option::is_some));
    let picked = RwSignal::new(Vec::<Picked>::new());
    let text = RwSignal::new(values.dockerfile_text.clone());
    let known = StoredValue::new(
        data.folder
            .as_ref()
            .and_then(|folder| folder.dockerfile.clone())
            .unwrap_or_default(),
    );
    let files = RwSignal::new(data.folder.map(|folder| folder.files).unwrap_or_default());
    let context = FormContext {
        prefix: "",
        error: error.into(),
        busy,
    };
    let navigate = use_navigate();

    let on_submit = move |event: leptos::ev::SubmitEvent| {
        let Some(form) = event
            .target()
            .and_then(|target| target.dyn_into::<web_sys::HtmlFormElement>().ok())
        else {
            return;
        };
        event.prevent_default();
        if busy.get_untracked() {
            return;
        }
        let Some(body) = upload::form_data(&form, &picked.get_untracked()) else {
            return;
        };
        sent.set(Some((0.0, 0.0)));
        error.set(None);
        let navigate = navigate.clone();
        spawn_local(async move {
            let answer = upload::send(ADDRESS, body, move |now, all| sent.set(Some((now, all)))).await;
            sent.set(None);
            match started(answer) {
                Ok(number) => {
                    upload::clear(picked);
                    navigate(
                        &format!("/builds/{number}?done=build-started"),
                        NavigateOptions::default(),
                    );
                }
                Err(refusal) => error.set(Some(refusal)),
            }
        });
    };
    let on_worker = move |event: web_sys::Event| {
        let worker = event_target_value(&event);
        spawn_local(async move {
            let Ok(folder) = load_folder(worker).await else { return };
            // What was typed stays; what only came from the other folder does not.
            let untouched = text.with_untracked(|text| text.is_empty() || known.with_value(|known| known == text));
            let dockerfile = folder.dockerfile.unwrap_or_default();
            if untouched {
                text.set(dockerfile.clone());
            }
            known.set_value(dockerfile);
            files.set(folder.files);
        });
    };

    let kept = (!secrets.is_empty()).then(|| {
        view! {
            <CheckList
                path="registry_secrets"
                label="Kept credentials"
                choices=named_choices(&secrets)
                selected=values.registry_secrets
                hint=|| "From Infrastructure > Registries; one a registry, or one for pulls and one for the push."
            />
            <KeptUses
                names=secrets.iter().map(|secret| secret.name.clone()).collect()
                uses=values.secret_uses.clone()
            />
        }
    });
    let more = values.insecure_registry
        || values.no_cache
        || !values.build_args.is_empty()
        || !values.context.is_empty()
        || !values.dockerfile_path.is_empty()
        || !values.additional_build_params.is_empty()
        || !values.custom_build_command.is_empty();
    let workers = data
        .workers
        .iter()
        .map(|worker| Choice::new(worker.name.clone(), worker.name.clone()).with_hint(worker.size.clone()))
        .collect();
    view! {
        <form
            method="post"
            action=ADDRESS
            enctype="multipart/form-data"
            class="form"
            novalidate=true
            on:submit=on_submit
        >
            <Provider value=context>
                <FormErrors error />
                <section class="card card-padded form-part">
                    <SelectField
                        path="worker"
                        label="Worker"
                        choices=workers
                        value=values.worker
                        hint=|| "The image is built in this worker's builder, from its build folder or from a folder that you choose below."
                        on:change=on_worker
                    />
                    <CodeEditor
                        path="dockerfile"
                        name="dockerfile_text"
                        label="Dockerfile"
                        text
                        hint=|| "Written to the build folder as Dockerfile. Leave it empty to use the Dockerfile that is there."
                    />
                    <FilePicker picked folder=files />
                </section>
                <section class="card card-padded form-part">
                    <TextField
                        path="name"
                        label="Image name"
                        value=values.name
                        mono=true
                        required=true
                        placeholder="my-registry.example.com/demo/my-image"
                        hint=|| "With the registry's host, without a tag."
                    />
                    <TextField path="tag" label="Tag" value=values.tag mono=true required=true placeholder="25.5.3" />
                    <CheckField
                        path="push_image"
                        label="Push the image"
                        checked=values.push_image
                        hint=|| "Otherwise it is only built, and the cache makes the next build fast."
                    />
                    {kept}
                    <CredentialRows rows=values.registry_credentials />
                    <details class="more" open=more>
                        <summary>"More"</summary>
                        <div class="form-part">
                            <TextField
                                path="context"
                                label="Context folder"
                                value=values.context
                                mono=true
                                placeholder="services/web"
                                hint=|| "A folder in the build folder, or in the folder that you choose. Default: all of it."
                            />
                            <TextField
                                path="dockerfile_path"
                                label="Dockerfile path"
                                value=values.dockerfile_path
                                mono=true
                                placeholder="Dockerfile"
                                hint=|| "Relative to the context. Default: Dockerfile."
                            />
                            <TextAreaField
                                path="build_args"
                                label="Build args"
                                value=values.build_args
                                mono=true
                                rows=3
                                placeholder="KEY=VALUE"
                                hint=|| "One a line, for ARG. They are kept with the build: no place for secrets."
                            />
                            <CheckField
                                path="insecure_registry"
                                label="Insecure registry"
                                checked=values.insecure_registry
                                hint=|| "Push over plain HTTP or unverified TLS. It concerns the push only, not the images in FROM."
                            />
                            <CheckField
                                path="no_cache"
                                label="Without using the cache"
                                checked=values.no_cache
                                hint=|| "Runs every step again."
                            />
                            <TextAreaField
                                path="additional_build_params"
                                label="Additional build parameters"
                                value=values.additional_build_params
                                mono=true
                                rows=2
                                placeholder="--opt target=web"
                                hint=|| "Arguments of buildctl build. They are kept with the build: no place for secrets."
                            />
                            <TextAreaField
                                path="custom_build_command"
                                label="Custom build command"
                                value=values.custom_build_command
                                mono=true
                                rows=2
                                placeholder="buildctl build --opt target=web"
                                hint=|| "In place of the console's own; the image's name, the push and the log stay as they are."
                            />
                        </div>
                    </details>
                    <OptionFields values=values.options />
                </section>
                <div class="form-actions">
                    <Button kind=ButtonKind::Primary busy>
                        "Build"
                    </Button>
                    <ButtonLink href="/builds".to_owned() kind=ButtonKind::Quiet>
                        "Cancel"
                    </ButtonLink>
                    <Sending sent />
                </div>
            </Provider>
        </form>
    }
}

/// How much has been sent, then that the answer is being waited for.
#[component]
fn Sending(sent: RwSignal<Option<(f64, f64)>>) -> impl IntoView {
    move || {
        sent.get().map(|(now, all)| {
            let whole = all > 0.0 && now >= all;
            let text = if all <= 0.0 {
                "Sending…".to_owned()
            } else if whole {
                "Checking the logins and starting the build…".to_owned()
            } else {
                format!("Sending: {} of {}", bytes_text(now as i64), bytes_text(all as i64))
            };
            view! {
                <span class="sending" role="status">
                    <progress
                        max="1"
                        value=(all > 0.0 && !whole).then(|| format!("{:.3}", now / all))
                        aria-label="Sending"
                    ></progress>
                    {text}
                </span>
            }
        })
    }
}

/// The build's number, or why there is none.
fn started(answer: Option<(u16, String)>) -> Result<i64, ApiError> {
    let Some((status, body)) = answer else {
        let error = AppError::new(ErrorCode::Unavailable, "The console does not answer.");
        return Err(error
            .with_hint("Check the network and try again. What you typed is still in the form.")
            .0);
    };
    if (200..300).contains(&status)
        && let Ok(number) = serde_json::from_str(&body)
    {
        return Ok(number);
    }
    Err(serde_json::from_str(&body).unwrap_or_else(|_| {
        let message = if status == 413 {
            "The files are larger than this console or the proxy before it accepts.".to_owned()
        } else {
            format!("The console answered with {status}.")
        };
        AppError::new(ErrorCode::Unavailable, message).0
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        assert_eq!(started(Some((200, "12".into()))), Ok(12));
        assert_eq!(started(None).expect_err("no answer").code, ErrorCode::Unavailable);
        let refusal = r#"{"code":"conflict","message":"Build #3 runs.","request_id":"r"}"#;
        assert_eq!(
            started(Some((409, refusal.into()))).expect_err("refused").message,
            "Build #3 runs."
        );
        assert!(
            started(Some((413, "<html>".into())))
                .expect_err("refused")
                .message
                .contains("larger")
        );
    }
}

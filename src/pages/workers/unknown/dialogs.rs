//! The questions before a worker is adopted or removed. Which worker is in the address.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use prt_types::{ApiError, unknown_workers::UnknownWorkerView};

use super::{
    name,
    server_fns::{AdoptForm, AdoptWorker, RemoveUnknownWorker},
};
use crate::{
    components::{Button, ButtonKind, Choice, ConfirmDialog, Form, Note, NoteTone, SelectField},
    forms::Draft,
};

/// The worker that the address names.
fn chosen(workers: Vec<UnknownWorkerView>) -> Memo<Option<UnknownWorkerView>> {
    let query = use_query_map();
    Memo::new(move |_| {
        let id = query.with(|query| query.get("worker")).unwrap_or_default();
        workers.iter().find(|worker| worker.id.to_string() == id).cloned()
    })
}

/// Names the worker that a question is about.
#[component]
fn About(worker: UnknownWorkerView) -> impl IntoView {
    view! {
        <p>
            <strong>{name(&worker)}</strong>
            " "
            <span class="mono breakable">{worker.id.to_string()}</span>
        </p>
    }
}

fn gone() -> AnyView {
    view! { <p>"This worker is not here any more."</p> }.into_any()
}

#[component]
pub fn AdoptDialog(
    workers: Vec<UnknownWorkerView>,
    users: Vec<String>,
    draft: Option<Draft<AdoptForm>>,
) -> impl IntoView {
    let adopt = ServerAction::<AdoptWorker>::new();
    let chosen = chosen(workers);
    let users = StoredValue::new(users);
    let draft = StoredValue::new(draft);
    view! {
        <ConfirmDialog name="adopt" title="Adopt this worker?">
            {move || match chosen.get() {
                Some(worker) => {
                    let id = worker.id.to_string();
                    let known = if worker.owner_exists { worker.owner.clone() } else { String::new() };
                    let draft = draft.get_value().filter(|draft| draft.values.id == id);
                    let (owner, error) = match draft {
                        Some(draft) => (draft.values.owner, Some(draft.error)),
                        None => (known, None),
                    };
                    let users = users.get_value().into_iter().map(|name| Choice::new(name.clone(), name));
                    let choices = std::iter::once(Choice::new("", "Choose a user")).chain(users).collect();
                    view! {
                        <About worker />
                        <p>
                            "The worker gets a record again and keeps its files. Its owner can use it like any other worker. Earlier builds in it are not known any more."
                        </p>
                        <Form action=adopt error>
                            <input type="hidden" name="input[id]" value=id />
                            <SelectField path="owner" label="Owner" choices value=owner required=true />
                            <div class="form-actions">
                                <Button kind=ButtonKind::Primary busy=adopt.pending()>
                                    "Adopt worker"
                                </Button>
                            </div>
                        </Form>
                    }
                        .into_any()
                }
                None => gone(),
            }}
        </ConfirmDialog>
    }
}

#[component]
pub fn RemoveDialog(
    workers: Vec<UnknownWorkerView>,
    remove: ServerAction<RemoveUnknownWorker>,
    #[prop(optional_no_strip)] error: Option<ApiError>,
) -> impl IntoView {
    let chosen = chosen(workers);
    let error = StoredValue::new(error);
    view! {
        <ConfirmDialog name="remove" title="Remove this worker?">
            {move || match chosen.get() {
                Some(worker) => {
                    let id = worker.id.to_string();
                    view! {
                        <About worker />
                        <Note tone=NoteTone::Warn>
                            "Its containers and volumes are removed, with all files in them. This cannot be undone."
                        </Note>
                        <Form action=remove prefix="" error=error.get_value()>
                            <input type="hidden" name="id" value=id />
                            <div class="form-actions">
                                <Button kind=ButtonKind::Danger busy=remove.pending()>
                                    "Remove worker"
                                </Button>
                            </div>
                        </Form>
                    }
                        .into_any()
                }
                None => gone(),
            }}
        </ConfirmDialog>
    }
}

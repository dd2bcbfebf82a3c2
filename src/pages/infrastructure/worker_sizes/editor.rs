use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};
use prt_types::{ApiError, worker_sizes::WorkerSizeDetail};

use super::{
    LIST,
    fields::{AccessCards, AmountCard, PlaceCard},
    form::WorkerSizeForm,
    server_fns::{DeleteWorkerSize, Editor, SaveWorkerSize, delete_draft_key, draft_key, worker_size_editor},
};
use crate::{
    components::{
        Button, ButtonKind, ButtonLink, Card, ConfirmLink, Crumb, DeleteDialog, Form, Load, Overwrite, PageTitle,
        RelativeTime,
    },
    forms::{Draft, form_state},
};

/// The form for a new size; with `?from=…` a copy.
#[component]
pub fn WorkerSizeNewPage() -> impl IntoView {
    view! { <EditorPage id=Signal::stored(String::new()) /> }
}

/// The form for a size that exists.
#[component]
pub fn WorkerSizePage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id")).unwrap_or_default());
    view! { <EditorPage id=id /> }
}

#[component]
fn EditorPage(#[prop(into)] id: Signal<String>) -> impl IntoView {
    let query = use_query_map();
    let from = Memo::new(move |_| query.with(|query| query.get("from")).unwrap_or_default());
    let draft = form_state::<WorkerSizeForm>(draft_key(&id.get_untracked()));
    let delete_draft = form_state::<()>(delete_draft_key(&id.get_untracked()));
    let editor = Resource::new_blocking(
        move || (id.get(), from.get()),
        |(id, from)| worker_size_editor(id, from),
    );
    view! {
        <Load from=editor let:editor>
            <Suspense>
                {move || {
                    let editor = editor.clone();
                    Suspend::new(async move {
                        let delete_error = delete_draft.await.map(|draft| draft.error);
                        view! { <EditorView editor draft=draft.await delete_error /> }
                    })
                }}
            </Suspense>
        </Load>
    }
}

#[component]
fn EditorView(editor: Editor, draft: Option<Draft<WorkerSizeForm>>, delete_error: Option<ApiError>) -> impl IntoView {
    let size = editor.size.clone();
    let (values, error) = match (draft, &size, &editor.original) {
        (Some(draft), _, _) => (draft.values, Some(draft.error)),
        (None, Some(size), _) => (WorkerSizeForm::from(size.clone()), None),
        (None, None, Some(original)) => (WorkerSizeForm::from(original.clone()).copy(), None),
        (None, None, None) => (WorkerSizeForm::blank(), None),
    };
    view! {
        <Heading size=size.clone() />
        <div class="columns">
            <EditorForm editor values error />
            <aside class="stack">{size.clone().map(|size| view! { <About size /> })}</aside>
        </div>
        {size.map(|size| view! { <DeleteSizeDialog size error=delete_error /> })}
    }
}

#[component]
fn Heading(size: Option<WorkerSizeDetail>) -> impl IntoView {
    let crumbs = vec![Crumb::text("Infrastructure"), Crumb::link("Worker Sizes", LIST)];
    match size {
        None => view! { <PageTitle title="Add a Worker Size" crumbs=crumbs /> }.into_any(),
        Some(detail) => {
            let clone = format!("{LIST}/new?from={}", detail.size.id);
            let actions = move || {
                view! {
                    <ButtonLink href=clone.clone()>"Clone"</ButtonLink>
                    <ConfirmLink name="delete">"Delete"</ConfirmLink>
                }
            };
            view! { <PageTitle title=detail.size.name crumbs=crumbs actions=actions /> }.into_any()
        }
    }
}

#[component]
fn EditorForm(editor: Editor, values: WorkerSizeForm, error: Option<ApiError>) -> impl IntoView {
    let save = ServerAction::<SaveWorkerSize>::new();
    let id = editor
        .size
        .as_ref()
        .map(|one| one.size.id.to_string())
        .unwrap_or_default();
    let verb = if editor.size.is_some() { "Save" } else { "Add" };
    view! {
        <Form action=save error=error>
            <input type="hidden" name="id" value=id.clone() />
            <input type="hidden" name="input[revision]" value=values.revision.clone() />
            <Overwrite href=format!("{LIST}/{id}") />
            <AmountCard values=values.clone() />
            <PlaceCard values=values.clone() />
            <AccessCards values=values editor=editor />
            <div class="form-actions">
                <Button kind=ButtonKind::Primary busy=save.pending()>
                    {verb}
                </Button>
                <ButtonLink href=LIST>"Cancel"</ButtonLink>
            </div>
        </Form>
    }
}

#[component]
fn About(size: WorkerSizeDetail) -> impl IntoView {
    let workers = if size.workers.is_empty() {
        view! { <p>"No worker runs on it."</p> }.into_any()
    } else {
        view! { <p>"Workers that run on it: " <WorkerLinks names=size.workers /> "."</p> }.into_any()
    };
    let changed = (size.updated_ms > 0).then(|| {
        view! { <p>"Last changed " <RelativeTime ms=size.updated_ms /> " (revision " {size.revision} ")."</p> }
    });
    view! {
        <Card title="About" padded=true>
            {workers} {changed}
            <p class="muted">"A change holds for new workers. Those that run keep what they were started with."</p>
        </Card>
    }
}

#[component]
fn WorkerLinks(names: Vec<String>) -> impl IntoView {
    names
        .into_iter()
        .enumerate()
        .map(|(at, name)| {
            let comma = (at > 0).then_some(", ");
            view! {
                {comma}
                <a href=format!("/workers/{name}")>{name.clone()}</a>
            }
        })
        .collect_view()
}

#[component]
fn DeleteSizeDialog(size: WorkerSizeDetail, error: Option<ApiError>) -> impl IntoView {
    let action = ServerAction::<DeleteWorkerSize>::new();
    let words = if size.workers.is_empty() {
        "Nobody can start workers of this size any more.".to_owned()
    } else {
        format!("Workers run on it, so it will be refused: {}.", size.workers.join(", "))
    };
    view! {
        <DeleteDialog
            action
            title="Delete this worker size?"
            what=size.size.name
            words
            key=("id", size.size.id.to_string())
            error
        />
    }
}

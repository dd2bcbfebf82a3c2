use leptos::{either::Either, prelude::*};
use leptos_router::hooks::use_query_map;

use super::{
    form::BuildForm,
    new_form::BuildFormView,
    server_fns::{NewBuild, load_form},
};
use crate::{
    components::{ButtonKind, ButtonLink, Crumb, Load, PageTitle},
    forms::form_state,
    pages::infrastructure::registries::usable_credentials,
};

/// The form that starts a build; `?worker=…&name=…&tag=…` fill it in.
#[component]
pub fn BuildNewPage() -> impl IntoView {
    let query = use_query_map();
    let draft = form_state::<BuildForm>("build-new");
    let worker = query
        .with_untracked(|query| query.get("worker"))
        .filter(|worker| !worker.is_empty());
    let data = Resource::new_blocking(move || worker.clone(), load_form);
    let secrets = Resource::new_blocking(|| (), |()| usable_credentials());
    view! {
        <PageTitle title="Build an image" crumbs=vec![Crumb::link("Builds", "/builds")] />
        <Load from=data let:data>
            <Suspense>
                {move || {
                    let data = data.clone();
                    Suspend::new(async move {
                        let draft = draft.await;
                        let secrets = secrets.await.unwrap_or_default();
                        if data.workers.is_empty() {
                            return Either::Left(view! { <NoWorker /> });
                        }
                        let (values, error) = match draft {
                            Some(draft) => (draft.values, Some(draft.error)),
                            None => (query.with_untracked(|query| prefilled(query, &data)), None),
                        };
                        Either::Right(view! { <BuildFormView data secrets values error /> })
                    })
                }}
            </Suspense>
        </Load>
    }
}

fn prefilled(query: &leptos_router::params::ParamsMap, data: &NewBuild) -> BuildForm {
    let folder = data.folder.as_ref();
    BuildForm {
        worker: folder.map(|folder| folder.worker.clone()).unwrap_or_default(),
        dockerfile_text: folder.and_then(|folder| folder.dockerfile.clone()).unwrap_or_default(),
        name: query.get("name").unwrap_or_default(),
        tag: query.get("tag").unwrap_or_default(),
        push_image: true,
        ..BuildForm::default()
    }
}

#[component]
fn NoWorker() -> impl IntoView {
    view! {
        <section class="card">
            <div class="empty">
                <h2>"No worker with a builder runs"</h2>
                <p>"Images are built inside a worker. Start one with a builder, wait until it is Running, and come back."</p>
                <ButtonLink href="/workers/new?image=practicus-minimal&builder=1".to_owned() kind=ButtonKind::Primary>
                    "Start a worker with a builder"
                </ButtonLink>
            </div>
        </section>
    }
}

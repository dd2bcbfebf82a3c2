//! Workers that the engine has and the database does not know: an admin adopts or removes each.

mod dialogs;
mod server_fns;

use leptos::prelude::*;
use prt_types::unknown_workers::UnknownWorkerView;

use self::{
    dialogs::{AdoptDialog, RemoveDialog},
    server_fns::{ADOPT, AdoptForm, REMOVE, RemoveUnknownWorker, UnknownWorkers, list_unknown_workers},
};
use super::containers::ContainerTable;
use crate::{
    components::{ButtonKind, ButtonLink, Card, Crumb, Load, MetaItem, MetaList, PageTitle},
    forms::form_state,
};

#[component]
pub fn UnknownWorkersPage() -> impl IntoView {
    let remove = ServerAction::<RemoveUnknownWorker>::new();
    let data = Resource::new_blocking(move || remove.version().get(), |_| list_unknown_workers());
    let adopt_draft = form_state::<AdoptForm>(ADOPT);
    let remove_draft = form_state::<()>(REMOVE);
    view! {
        <Load from=data let:found>
            <PageTitle title="Unknown workers" crumbs=vec![Crumb::link("Workers", "/workers")] />
            <p class="lead">
                "The container engine has these workers of this installation, but the database does not know them, for example because an older backup was restored. Adopt a worker to use it again, or remove it with its files."
            </p>
            <Entries workers=found.workers.clone() />
            <Suspense>
                {move || {
                    let UnknownWorkers { workers, users } = found.clone();
                    Suspend::new(async move {
                        let (adopted, removed) = (adopt_draft.await, remove_draft.await);
                        let removed = removed.map(|draft| draft.error);
                        view! {
                            <AdoptDialog workers=workers.clone() users draft=adopted />
                            <RemoveDialog workers remove error=removed />
                        }
                    })
                }}
            </Suspense>
        </Load>
    }
}

#[component]
fn Entries(workers: Vec<UnknownWorkerView>) -> impl IntoView {
    if workers.is_empty() {
        return view! {
            <Card title="No unknown workers" padded=true>
                <p>"The database knows all workers that the container engine has."</p>
            </Card>
        }
        .into_any();
    }
    workers
        .into_iter()
        .map(|worker| view! { <Entry worker /> })
        .collect_view()
        .into_any()
}

/// What to call it.
fn name(worker: &UnknownWorkerView) -> String {
    if worker.name.is_empty() {
        "Worker without a name".to_owned()
    } else {
        worker.name.clone()
    }
}

#[component]
fn Entry(worker: UnknownWorkerView) -> impl IntoView {
    let title = name(&worker);
    let id = worker.id.to_string();
    let owner = match (worker.owner.as_str(), worker.owner_exists) {
        ("", _) => "Not known".to_owned(),
        (owner, true) => owner.to_owned(),
        (owner, false) => format!("{owner} (no such user)"),
    };
    let address = |confirm: &str| format!("/workers/unknown?worker={id}&confirm={confirm}");
    let (adopt, remove) = (address("adopt"), address("remove"));
    let (adopt_label, remove_label) = (format!("Adopt {title}"), format!("Remove {title}"));
    let adopt = worker.adoptable.then(|| {
        view! {
            <ButtonLink kind=ButtonKind::Primary href=adopt attr:data-noscroll="true" attr:aria-label=adopt_label>
                "Adopt"
            </ButtonLink>
        }
    });
    let no_primary = (!worker.adoptable).then(|| {
        view! { <p class="hint">"It has no primary container, so it cannot be adopted."</p> }
    });
    let containers = worker.containers;
    view! {
        <Card title=title>
            <MetaList>
                <MetaItem label="Owner">{owner}</MetaItem>
                <MetaItem label="Id" attr:class="meta-wide">
                    <span class="mono breakable">{id}</span>
                </MetaItem>
            </MetaList>
            <ContainerTable containers=Memo::new(move |_| containers.clone()) />
            <div class="card-padded">
                {no_primary}
                <div class="form-actions">
                    {adopt}
                    <ButtonLink kind=ButtonKind::Danger href=remove attr:data-noscroll="true" attr:aria-label=remove_label>
                        "Remove"
                    </ButtonLink>
                </div>
            </div>
        </Card>
    }
}

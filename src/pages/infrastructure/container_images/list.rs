use leptos::{ev::SubmitEvent, prelude::*};
use leptos_router::{
    NavigateOptions,
    hooks::{use_location, use_navigate, use_query_map},
};
use prt_types::container_images::ContainerImageView;

use super::{LIST, form::pull_policy_name, kind::KindBadge, server_fns::container_images};
use crate::{
    client::live::{Change, refresh_on_change},
    components::{ButtonKind, ButtonLink, Card, Cell, Column, Crumb, Load, PageTitle, Table},
};

/// All rules.
#[component]
pub fn ContainerImagesPage() -> impl IntoView {
    let images = Resource::new_blocking(|| (), |()| container_images());
    let add = || {
        view! {
            <ButtonLink kind=ButtonKind::Primary href=format!("{LIST}/new")>
                "Add a Container Image"
            </ButtonLink>
        }
    };
    view! {
        <Load from=images let:images>
            <PageTitle title="Container Images" crumbs=vec![Crumb::text("Infrastructure")] actions=add />
            <p class="lead">
                "A user can run an image only if a rule here matches it and gives access to the user or one of their groups."
            </p>
            <ImageTable images=images />
        </Load>
    }
}

#[component]
fn ImageTable(images: Vec<ContainerImageView>) -> impl IntoView {
    let query = use_query_map();
    let wanted = Memo::new(move |_| query.with(|query| query.get("q")).unwrap_or_default());
    let images = RwSignal::new(images);
    let total = Memo::new(move |_| images.with(Vec::len));
    refresh_on_change(
        |change| matches!(change, Change::ContainerImages),
        images,
        container_images,
    );
    let shown = Memo::new(move |_| {
        let wanted = wanted.get().to_lowercase();
        images.with(|images| {
            images
                .iter()
                .filter(|image| fits(image, &wanted))
                .cloned()
                .collect::<Vec<_>>()
        })
    });
    let when_empty = move || {
        if total.get() == 0 {
            view! {
                <p>"There is no rule yet: nobody can run anything."</p>
                <ButtonLink href=format!("{LIST}/new")>"Add the first one"</ButtonLink>
            }
            .into_any()
        } else {
            view! {
                <p>"No rule contains \"" {move || wanted.get()} "\"."</p>
                <ButtonLink href=LIST>"Show all"</ButtonLink>
            }
            .into_any()
        }
    };
    let columns = vec![
        "Name".into(),
        "Image".into(),
        "Version".into(),
        "Access".into(),
        "Pull policy".into(),
        Column::number("Order"),
    ];
    view! {
        <Card title="Rules" subtitle=Signal::derive(move || count_text(total.get())) actions=move || view! { <Filter wanted=wanted /> }>
            <Table
                label="Container Images"
                columns=columns
                empty=Signal::derive(move || shown.with(Vec::is_empty))
                when_empty=when_empty
            >
                <For each=move || shown.get() key=|image| (image.id, image.revision) let:image>
                    <ImageRow image=image />
                </For>
            </Table>
        </Card>
    }
}

fn count_text(total: usize) -> String {
    if total == 1 {
        "1 rule, larger order first".into()
    } else {
        format!("{total} rules, larger order first")
    }
}

/// Whether a rule contains the text that was searched for, anywhere that the list shows.
fn fits(image: &ContainerImageView, wanted: &str) -> bool {
    wanted.is_empty()
        || [&image.name, &image.image, &image.description, &image.version]
            .into_iter()
            .chain(&image.users)
            .chain(&image.groups)
            .any(|text| text.to_lowercase().contains(wanted))
}

/// The search box. Its text is part of the address; a plain GET form without WebAssembly.
#[component]
fn Filter(wanted: Memo<String>) -> impl IntoView {
    let location = use_location();
    let navigate = use_navigate();
    let search = move |text: String| {
        let mut query = location.query.get_untracked();
        query.remove("q");
        if !text.is_empty() {
            query.insert("q", text);
        }
        let address = format!("{}{}", location.pathname.get_untracked(), query.to_query_string());
        navigate(
            &address,
            NavigateOptions {
                replace: true,
                scroll: false,
                ..NavigateOptions::default()
            },
        );
    };
    view! {
        <form
            method="get"
            action=LIST
            role="search"
            class="filter"
            on:submit=|event: SubmitEvent| event.prevent_default()
        >
            <input
                type="search"
                name="q"
                class="input"
                placeholder="Find"
                aria-label="Find a Container Image"
                value=wanted.get_untracked()
                on:input=move |event| search(event_target_value(&event))
            />
        </form>
    }
}

#[component]
fn ImageRow(image: ContainerImageView) -> impl IntoView {
    let href = format!("{LIST}/{}", image.id);
    let name = if image.name.is_empty() {
        image.image.clone()
    } else {
        image.name
    };
    let version = match (image.version.as_str(), image.minimum_version.as_str()) {
        ("", "") => "platform".to_owned(),
        (version, "") => version.to_owned(),
        ("", minimum) => format!("platform, at least {minimum}"),
        (version, minimum) => format!("{version}, at least {minimum}"),
    };
    view! {
        <tr>
            <Cell>
                <a class="row-name" href=href>
                    {name}
                </a>
                {(!image.description.is_empty()).then(|| view! { <div class="muted">{image.description}</div> })}
            </Cell>
            <Cell label="Image">
                <span class="mono wrap">{image.image}</span>
                " "
                <KindBadge kind=image.match_kind />
            </Cell>
            <Cell label="Version">{version}</Cell>
            <Cell label="Access">
                <Access users=image.users groups=image.groups />
            </Cell>
            <Cell label="Pull policy">{image.pull_policy.map_or("Namespace default", pull_policy_name)}</Cell>
            <Cell label="Order" number=true>
                {image.order}
            </Cell>
        </tr>
    }
}

/// Who has access, in few words; all of it as the title.
#[component]
pub fn Access(users: Vec<String>, groups: Vec<String>) -> impl IntoView {
    const SHOWN: usize = 2;
    if users.is_empty() && groups.is_empty() {
        return view! { <span class="bad-text">"Nobody"</span> }.into_any();
    }
    let all: Vec<String> = groups.into_iter().chain(users).collect();
    let title = all.join(", ");
    let rest = all.len().saturating_sub(SHOWN);
    let mut text = all[..all.len().min(SHOWN)].join(", ");
    if rest > 0 {
        text = format!("{text} and {rest} more");
    }
    view! { <span title=title>{text}</span> }.into_any()
}

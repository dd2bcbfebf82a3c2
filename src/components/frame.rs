//! The frame around every page but the login.

use leptos::{either::Either, html::Main, prelude::*, task::spawn_local};
use leptos_router::{
    components::Redirect,
    hooks::{use_location, use_url},
};

use super::{Flash, Glyph, Icon, Navigation, Note, NoteTone, UserMenu, use_viewer};
use crate::pages::session::load_viewer;

/// Top bar, navigation and the page; whoever is not logged in is sent to the login and comes back.
///
/// The page is not inside the `Suspense`s that wait for the viewer: the server would make it twice, and ask for its data twice.
#[component]
pub fn Frame(
    /// The page.
    children: Children,
) -> impl IntoView {
    let main = NodeRef::<Main>::new();
    let location = use_location();
    // After a navigation within the browser the keyboard and screen readers go on in the new page, as after a page load.
    Effect::new(move |before: Option<String>| {
        let path = location.pathname.get();
        if before.is_some_and(|before| before != path)
            && let Some(main) = main.get_untracked()
        {
            _ = main.focus();
        }
        path
    });
    view! {
        <LoginGate />
        <a class="skip-link" href="#main" rel="external">
            "Skip to the content"
        </a>
        <div class="shell">
            <header class="top">
                <a class="brand" href="/workers">
                    <span class="brand-mark" aria-hidden="true"></span>
                    "prt-console"
                </a>
                <span class="grow"></span>
                <Who />
            </header>
            <details class="nav-menu">
                <summary>
                    <Icon glyph=Glyph::Menu />
                    "Menu"
                </summary>
                <nav aria-label="Main menu">
                    <Places />
                </nav>
            </details>
            <nav class="nav-side" aria-label="Main">
                <div>
                    <Places />
                </div>
            </nav>
            <main class="main" id="main" tabindex="-1" node_ref=main>
                <EngineNotice />
                <Flash />
                {children()}
            </main>
        </div>
    }
}

/// Leads to the login if nobody is logged in.
#[component]
fn LoginGate() -> impl IntoView {
    let viewer = use_viewer();
    let url = use_url();
    view! {
        <Suspense>
            {Suspend::new(async move {
                let nobody = viewer.await.is_ok_and(|viewer| viewer.me.is_none());
                nobody
                    .then(|| {
                        let login = crate::app::login_href(&url.get_untracked());
                        view! { <Redirect path=login /> }
                    })
            })}
        </Suspense>
    }
}

/// Says that the container engine does not answer; looked at again with each page.
#[component]
fn EngineNotice() -> impl IntoView {
    let viewer = use_viewer();
    view! {
        <Suspense>
            {Suspend::new(async move {
                let away = viewer.await.ok().and_then(|viewer| viewer.engine_away);
                view! { <EngineAway away=RwSignal::new(away) /> }
            })}
        </Suspense>
    }
}

#[component]
fn EngineAway(away: RwSignal<Option<String>>) -> impl IntoView {
    let location = use_location();
    Effect::new(move |before: Option<String>| {
        let path = location.pathname.get();
        if before.is_some_and(|before| before != path) {
            spawn_local(async move {
                if let Ok(viewer) = load_viewer().await {
                    away.try_set(viewer.engine_away);
                }
            });
        }
        path
    });
    move || {
        away.get().map(|why| {
            view! {
                <div role="alert" data-engine="away">
                    <Note tone=NoteTone::Warn>
                        <p class="note-title">"The container engine does not answer"</p>
                        <p>
                            "Workers and builds are shown as they were last seen. They go on without the console. " {why} "."
                        </p>
                    </Note>
                </div>
            }
        })
    }
}

#[component]
fn Who() -> impl IntoView {
    let viewer = use_viewer();
    view! {
        <Suspense>
            {Suspend::new(async move {
                match viewer.await {
                    Ok(viewer) => Either::Left(viewer.me.map(|me| view! { <UserMenu me theme=viewer.theme /> })),
                    // The page says more about it.
                    Err(error) => Either::Right(view! { <span class="bad-text">{error.to_string()}</span> }),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Places() -> impl IntoView {
    let viewer = use_viewer();
    view! {
        <Suspense>
            {Suspend::new(async move {
                let admin = viewer.await.is_ok_and(|viewer| viewer.is_admin());
                view! { <Navigation admin /> }
            })}
        </Suspense>
    }
}

//! The route table. Every route is rendered whole before it is sent (`SsrMode::Async`): pages work without scripts, and the
//! status code is known in time. Their data comes from the same process, so there is little to wait for.

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{Outlet, ParentRoute, Redirect, Route, Router, Routes},
    location::Url,
    path,
};

use crate::{
    components::{Frame, ViewerContext, provide_clock},
    pages::{
        access::tokens::{TokenNewPage, TokensPage},
        builds::{BuildNewPage, BuildPage, BuildsPage},
        docs::{DocPage, DocsPage},
        infrastructure::{
            builders::BuildersPage,
            certificates::CertificatesPage,
            container_images::{ContainerImageNewPage, ContainerImagePage, ContainerImagesPage},
            registries::{RegistriesPage, RegistryCredentialNewPage, RegistryCredentialPage},
            retention::RetentionPage,
            secrets::{SecretNewPage, SecretPage, SecretsPage},
            security_contexts::{SecurityContextNewPage, SecurityContextPage, SecurityContextsPage},
            worker_sizes::{WorkerSizeNewPage, WorkerSizePage, WorkerSizesPage},
        },
        login::LoginPage,
        not_found::NotFoundPage,
        session::load_viewer,
        workers::{BuildConfigPage, UnknownWorkersPage, WorkerNewPage, WorkerPage, WorkersPage},
    },
};

/// The console.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    provide_clock();
    let viewer: ViewerContext = Resource::new_blocking(|| (), |()| load_viewer());
    provide_context(viewer);
    // Shows what only works with scripts, and tells the browser tests that they may begin.
    Effect::new(|_| {
        if let Some(root) = document().document_element() {
            _ = root.set_attribute("data-hydrated", "");
        }
    });
    let mode = SsrMode::Async;
    view! {
        <Title formatter=|title: String| {
            if title.is_empty() { "prt-console".to_owned() } else { format!("{title} · prt-console") }
        } />
        <Router>
            // Never reached: the last route below takes every address.
            <Routes fallback=|| ()>
                <Route path=path!("/login") view=LoginPage ssr=mode.clone() />
                <ParentRoute path=path!("") view=InFrame ssr=mode>
                    <Route path=path!("/") view=|| view! { <Redirect path="/workers" /> } />
                    <Route path=path!("/workers") view=WorkersPage />
                    <Route path=path!("/workers/new") view=WorkerNewPage />
                    <Route path=path!("/workers/unknown") view=UnknownWorkersPage />
                    <Route path=path!("/workers/:name") view=WorkerPage />
                    <Route path=path!("/workers/:name/build-config") view=BuildConfigPage />
                    <Route path=path!("/builds") view=BuildsPage />
                    <Route path=path!("/builds/new") view=BuildNewPage />
                    <Route path=path!("/builds/:number") view=BuildPage />
                    <Route path=path!("/infrastructure/container-images") view=ContainerImagesPage />
                    <Route path=path!("/infrastructure/container-images/new") view=ContainerImageNewPage />
                    <Route path=path!("/infrastructure/container-images/:id") view=ContainerImagePage />
                    <Route path=path!("/infrastructure/builders") view=BuildersPage />
                    <Route path=path!("/infrastructure/certificates") view=CertificatesPage />
                    <Route path=path!("/infrastructure/worker-sizes") view=WorkerSizesPage />
                    <Route path=path!("/infrastructure/worker-sizes/new") view=WorkerSizeNewPage />
                    <Route path=path!("/infrastructure/worker-sizes/:id") view=WorkerSizePage />
                    <Route path=path!("/infrastructure/security-contexts") view=SecurityContextsPage />
                    <Route path=path!("/infrastructure/security-contexts/new") view=SecurityContextNewPage />
                    <Route path=path!("/infrastructure/security-contexts/:name") view=SecurityContextPage />
                    <Route path=path!("/infrastructure/registries") view=RegistriesPage />
                    <Route path=path!("/infrastructure/registries/new") view=RegistryCredentialNewPage />
                    <Route path=path!("/infrastructure/registries/:id") view=RegistryCredentialPage />
                    <Route path=path!("/infrastructure/retention") view=RetentionPage />
                    <Route path=path!("/infrastructure/secrets") view=SecretsPage />
                    <Route path=path!("/infrastructure/secrets/new") view=SecretNewPage />
                    <Route path=path!("/infrastructure/secrets/:id") view=SecretPage />
                    <Route path=path!("/access/tokens") view=TokensPage />
                    <Route path=path!("/access/tokens/new") view=TokenNewPage />
                    <Route path=path!("/docs") view=DocsPage />
                    <Route path=path!("/docs/*page") view=DocPage />
                    // Links need a route around them, so the page for unknown addresses is one.
                    <Route path=path!("/*any") view=NotFoundPage />
                </ParentRoute>
            </Routes>
        </Router>
    }
}

#[component]
fn InFrame() -> impl IntoView {
    view! {
        <Frame>
            <Outlet />
        </Frame>
    }
}

/// The login page's address that leads back to `url`.
pub fn login_href(url: &Url) -> String {
    let here = match url.search() {
        "" => url.path().to_owned(),
        search => format!("{}?{search}", url.path()),
    };
    if here == "/" {
        "/login".to_owned()
    } else {
        format!("/login?next={}", Url::escape(&here))
    }
}

//! Where one can go.

use leptos::prelude::*;
use leptos_router::components::A;

use super::{Glyph, Icon};

/// The links of the console, in groups; only to pages that exist and that the viewer may open.
#[component]
pub fn Navigation(
    /// Whether to show what only admins may open.
    admin: bool,
) -> impl IntoView {
    let images = admin.then(|| {
        view! {
            <NavLink href="/infrastructure/container-images" glyph=Glyph::Box text="Container Images" />
            <NavLink href="/infrastructure/worker-sizes" glyph=Glyph::Size text="Worker Sizes" />
            <NavLink href="/infrastructure/security-contexts" glyph=Glyph::Shield text="Security Contexts" />
        }
    });
    let rest = admin.then(|| {
        view! {
            <NavLink href="/infrastructure/certificates" glyph=Glyph::Certificate text="Certificates" />
            <NavLink href="/infrastructure/builders" glyph=Glyph::Build text="Builders" />
            <NavLink href="/infrastructure/retention" glyph=Glyph::Clock text="Retention" />
        }
    });
    view! {
        <ul>
            <NavLink href="/workers" glyph=Glyph::Worker text="Workers" />
            <NavLink href="/builds" glyph=Glyph::Build text="Builds" />
        </ul>
        <h2>"Infrastructure"</h2>
        <ul>
            {images} <NavLink href="/infrastructure/registries" glyph=Glyph::Key text="Registries" />
            <NavLink href="/infrastructure/secrets" glyph=Glyph::Lock text="Secrets" /> {rest}
        </ul>
        <h2>"Access"</h2>
        <ul>
            <NavLink href="/access/tokens" glyph=Glyph::Token text="API tokens" />
        </ul>
        <h2>"Help"</h2>
        <ul>
            <NavLink href="/docs" glyph=Glyph::Book text="Docs" />
        </ul>
    }
}

#[component]
fn NavLink(href: &'static str, glyph: Glyph, text: &'static str) -> impl IntoView {
    view! {
        <li>
            <A href=href>
                <Icon glyph=glyph />
                <span>{text}</span>
            </A>
        </li>
    }
}

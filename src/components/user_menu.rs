//! The menu under the user's name.

use leptos::prelude::*;
use prt_types::access::{Me, Role};

use super::{Button, Glyph, Icon, Theme, ThemeSwitch};

/// Who is logged in, the theme, and the way out. A `<details>`, so that it opens without WebAssembly.
#[component]
pub fn UserMenu(
    /// The user.
    me: Me,
    /// The theme.
    theme: Theme,
) -> impl IntoView {
    let initials: String = me.username.chars().take(2).collect();
    let role = match me.role {
        Role::Admin => "Admin",
        Role::User => "User",
    };
    let groups = me.groups.join(", ");
    view! {
        <details class="menu user-menu">
            <summary>
                <span class="avatar" aria-hidden="true">
                    {initials}
                </span>
                <span class="user-name">{me.username.clone()}</span>
                <Icon glyph=Glyph::Down />
            </summary>
            <div class="menu-panel">
                <div class="menu-head">
                    <strong>{me.username}</strong>
                    <span class="muted">{role}</span>
                    {(!groups.is_empty()).then(|| view! { <span class="muted menu-groups">{groups}</span> })}
                </div>
                <a class="menu-link" href="/infrastructure/secrets">
                    "My secrets"
                </a>
                <ThemeSwitch theme=theme />
                <form method="post" action="/_fn/log_out">
                    <Button>"Log out"</Button>
                </form>
            </div>
        </details>
    }
}

//! Things to press.

use leptos::prelude::*;

/// How much a button stands out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ButtonKind {
    /// One of several.
    #[default]
    Plain,
    /// The thing to do on this page; once a page.
    Primary,
    /// Takes something away.
    Danger,
    /// No frame: a link's weight.
    Quiet,
}

fn class(kind: ButtonKind, small: bool) -> String {
    let kind = match kind {
        ButtonKind::Plain => "",
        ButtonKind::Primary => " button-primary",
        ButtonKind::Danger => " button-danger",
        ButtonKind::Quiet => " button-quiet",
    };
    let small = if small { " button-small" } else { "" };
    format!("button{kind}{small}")
}

/// A button. It submits its form unless `submit=false`; name, value and handlers come as `attr:name`, `on:click`.
#[component]
pub fn Button(
    /// How much it stands out.
    #[prop(optional)]
    kind: ButtonKind,
    /// For use in a row or a header.
    #[prop(optional)]
    small: bool,
    /// `false`: it only has a handler, and is of no use without WebAssembly.
    #[prop(default = true)]
    submit: bool,
    /// Waiting for an answer: shown, and not to be pressed again.
    #[prop(optional, into)]
    busy: Signal<bool>,
    /// Not now.
    #[prop(optional, into)]
    disabled: Signal<bool>,
    /// The word on it.
    children: Children,
) -> impl IntoView {
    view! {
        <button
            class=class(kind, small)
            class:js-only=!submit
            type=if submit { "submit" } else { "button" }
            aria-busy=move || busy.get().then_some("true")
            disabled=move || busy.get() || disabled.get()
        >
            {children()}
        </button>
    }
}

/// A link that looks like a button: it leads somewhere and changes nothing.
#[component]
pub fn ButtonLink(
    /// Where to.
    #[prop(into)]
    href: Signal<String>,
    /// How much it stands out.
    #[prop(optional)]
    kind: ButtonKind,
    /// For use in a row or a header.
    #[prop(optional)]
    small: bool,
    /// The word on it.
    children: Children,
) -> impl IntoView {
    view! {
        <a class=class(kind, small) href=move || href.get()>
            {children()}
        </a>
    }
}

//! "Are you sure?" The question is part of the address (`?confirm=delete`), so that it needs no WebAssembly: the link asks for
//! the page with the dialog open. With WebAssembly the same dialog becomes a modal one.

use leptos::{html::Dialog, prelude::*, wasm_bindgen::JsCast as _, web_sys::HtmlElement};
use leptos_router::{
    NavigateOptions,
    hooks::{use_location, use_navigate, use_query_map},
};

use super::{ButtonKind, ButtonLink};

/// The button that opens the [`ConfirmDialog`] of the same name.
#[component]
pub fn ConfirmLink(
    /// Which dialog.
    name: &'static str,
    /// How much it stands out.
    #[prop(default = ButtonKind::Danger)]
    kind: ButtonKind,
    /// For use in a row or a header.
    #[prop(optional)]
    small: bool,
    /// The word on it.
    children: Children,
) -> impl IntoView {
    let address = address_with(Some(name));
    view! {
        <ButtonLink href=address kind=kind small=small attr:data-noscroll="true">
            {children()}
        </ButtonLink>
    }
}

/// A question with its form: the children are a text and a form whose button does it. "Keep" leads back.
#[component]
pub fn ConfirmDialog(
    /// The value of `?confirm=` that opens it.
    name: &'static str,
    /// The question.
    #[prop(into)]
    title: String,
    /// The word for not doing it.
    #[prop(default = "Cancel")]
    keep: &'static str,
    /// Text and form.
    children: ChildrenFn,
) -> impl IntoView {
    let query = use_query_map();
    let open = Memo::new(move |_| query.with(|query| query.get("confirm").as_deref() == Some(name)));
    let close = address_with(None);
    let node = NodeRef::<Dialog>::new();
    Effect::new(move |_| {
        // Rendered open, which is not modal; `show_modal` refuses an open dialog.
        if let Some(dialog) = node.get()
            && dialog.is_connected()
        {
            _ = dialog.remove_attribute("open");
            _ = dialog.show_modal();
            // Enter must not do it by accident, unless something has to be typed before.
            if matches!(dialog.query_selector("form input[type=password]"), Ok(None))
                && let Ok(Some(keep)) = dialog.query_selector(".dialog-keep a")
            {
                _ = keep.unchecked_into::<HtmlElement>().focus();
            }
        }
    });
    let navigate = use_navigate();
    // Closing gives the focus back to where it was; a dialog that is only taken out of the page does not.
    let shut = move || {
        if let Some(dialog) = node.get_untracked() {
            dialog.close();
        }
    };
    let on_cancel = move |_: leptos::ev::Event| {
        shut();
        let options = NavigateOptions {
            replace: true,
            scroll: false,
            ..NavigateOptions::default()
        };
        navigate(&close.get_untracked(), options);
    };
    let title = StoredValue::new(title);
    let children = StoredValue::new(children);
    let heading = format!("confirm-{name}");
    view! {
        <Show when=move || open.get()>
            <dialog
                open=true
                class="dialog"
                node_ref=node
                aria-labelledby=heading.clone()
                on:cancel=on_cancel.clone()
            >
                <h2 id=heading.clone()>{title.get_value()}</h2>
                {children.with_value(|children| children())}
                <div class="dialog-keep">
                    <ButtonLink href=close attr:data-noscroll="true" on:click=move |_| shut()>
                        {keep}
                    </ButtonLink>
                </div>
            </dialog>
        </Show>
    }
}

/// This page's address with another `confirm`.
fn address_with(confirm: Option<&'static str>) -> Signal<String> {
    let query = use_query_map();
    let location = use_location();
    Signal::derive(move || {
        let mut query = query.get();
        query.remove("confirm");
        if let Some(confirm) = confirm {
            query.insert("confirm", confirm.to_owned());
        }
        format!("{}{}", location.pathname.get(), query.to_query_string())
    })
}

use leptos::prelude::*;
use prt_types::ErrorCode;

use super::{Card, CheckField, FormContext};

/// The way out of a concurrent edit, inside a form: look at the other's change, and save over it only if that is meant. The form gets
/// a field `overwrite`.
#[component]
pub fn Overwrite(
    /// Where the other's change is to be seen.
    #[prop(into)]
    href: String,
) -> impl IntoView {
    let form = expect_context::<FormContext>();
    let conflict = Memo::new(move |_| {
        form.error
            .with(|error| error.as_ref().is_some_and(|error| error.code == ErrorCode::Conflict))
    });
    view! {
        <Show when=move || conflict.get()>
            <OverwriteCard href=href.clone() />
        </Show>
    }
}

#[component]
fn OverwriteCard(href: String) -> impl IntoView {
    view! {
        <Card title="Two changes at once" padded=true>
            <p>
                <a href=href target="_blank">
                    "Open the other change in a new tab"
                </a>
                " to compare. What you typed is still here."
            </p>
            <CheckField path="overwrite" label="Save mine over it" />
        </Card>
    }
}

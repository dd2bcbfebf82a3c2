use leptos::{children::ViewFn, html, prelude::*};

use super::Field;

/// A line of text. `on:input` on it follows the typing.
#[component]
pub fn TextField(
    /// The field's path in the request.
    path: &'static str,
    /// Its name.
    #[prop(into)]
    label: String,
    /// What is in it at first.
    #[prop(optional, into)]
    value: String,
    /// A word under it.
    #[prop(optional, into)]
    hint: ViewFn,
    /// Marked as required.
    #[prop(optional)]
    required: bool,
    /// A name that machines read.
    #[prop(optional)]
    mono: bool,
    /// An example inside the empty field.
    #[prop(optional)]
    placeholder: Option<&'static str>,
    /// `autocomplete`
    #[prop(default = "off")]
    autocomplete: &'static str,
    /// `inputmode`: `numeric` for whole numbers.
    #[prop(optional)]
    inputmode: Option<&'static str>,
    /// `list`: the id of a `<datalist>` with proposals.
    #[prop(optional)]
    list: Option<&'static str>,
    /// Takes the focus when the page opens.
    #[prop(optional)]
    autofocus: bool,
) -> impl IntoView {
    view! {
        <Field path=path label=label hint=hint required=required let:control>
            <input
                type="text"
                id=control.id
                name=control.name
                value=value
                class=if mono { "input mono" } else { "input" }
                aria-describedby=control.described_by
                aria-invalid=move || control.invalid.get()
                aria-required=control.required
                placeholder=placeholder
                autocomplete=autocomplete
                autocapitalize="none"
                spellcheck="false"
                inputmode=inputmode
                list=list
                autofocus=autofocus
            />
        </Field>
    }
}

/// A password: what is in it never comes back from the server.
#[component]
pub fn PasswordField(
    /// The field's path in the request.
    path: &'static str,
    /// Its name.
    #[prop(into)]
    label: String,
    /// A word under it.
    #[prop(optional, into)]
    hint: ViewFn,
    /// Marked as required.
    #[prop(optional)]
    required: bool,
    /// `autocomplete`: `new-password` keeps password managers from filling in the user's own.
    #[prop(default = "new-password")]
    autocomplete: &'static str,
    /// An example inside the empty field.
    #[prop(optional_no_strip)]
    placeholder: Option<&'static str>,
) -> impl IntoView {
    view! {
        <Field path=path label=label hint=hint required=required let:control>
            <input
                type="password"
                id=control.id
                name=control.name
                class="input"
                aria-describedby=control.described_by
                aria-invalid=move || control.invalid.get()
                aria-required=control.required
                autocomplete=autocomplete
                placeholder=placeholder
            />
        </Field>
    }
}

/// Several lines of text.
#[component]
pub fn TextAreaField(
    /// The field's path in the request.
    path: &'static str,
    /// Its name.
    #[prop(into)]
    label: String,
    /// What is in it at first.
    #[prop(optional, into)]
    value: String,
    /// A word under it.
    #[prop(optional, into)]
    hint: ViewFn,
    /// Marked as required.
    #[prop(optional)]
    required: bool,
    /// Code or a script.
    #[prop(optional)]
    mono: bool,
    /// Height in lines.
    #[prop(default = 4)]
    rows: u32,
    /// An example inside the empty field.
    #[prop(optional)]
    placeholder: Option<&'static str>,
) -> impl IntoView {
    // The parser eats a first line end; a page that the browser makes itself has no parser.
    let with_line_end = format!("\n{value}");
    let area = NodeRef::<html::Textarea>::new();
    let made_here = with_line_end.clone();
    Effect::new(move |_| {
        if let Some(area) = area.get()
            && area.value() == made_here
        {
            area.set_value(&value);
        }
    });
    view! {
        <Field path=path label=label hint=hint required=required let:control>
            <textarea
                node_ref=area
                id=control.id
                name=control.name
                class=if mono { "input mono" } else { "input" }
                rows=rows
                aria-describedby=control.described_by
                aria-invalid=move || control.invalid.get()
                aria-required=control.required
                placeholder=placeholder
                autocapitalize="none"
                spellcheck=if mono { "false" } else { "true" }
            >
                {with_line_end}
            </textarea>
        </Field>
    }
}

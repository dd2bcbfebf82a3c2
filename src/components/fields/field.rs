use leptos::{children::ViewFn, prelude::*};

use crate::{
    components::{FormContext, Glyph, Icon},
    forms::{control_id, control_name},
};

/// What a control inside a [`Field`] puts on its element.
#[derive(Clone, Debug)]
pub struct Control {
    /// `id`
    pub id: String,
    /// `name`
    pub name: String,
    /// `aria-describedby`
    pub described_by: String,
    /// `aria-invalid`
    pub invalid: Signal<Option<&'static str>>,
    /// `aria-required`
    pub required: Option<&'static str>,
}

/// The message for the field at `path`, from the surrounding form.
pub(super) fn field_error(path: &'static str) -> Signal<Option<String>> {
    let form = use_context::<FormContext>();
    Signal::derive(move || form?.error.with(|error| error.as_ref()?.field(path).map(str::to_owned)))
}

/// What the surrounding form calls the field at `path`.
pub(super) fn field_name(path: &str) -> String {
    control_name(use_context::<FormContext>().map_or("", |form| form.prefix), path)
}

/// The error line under a field.
pub(super) fn error_line(id: &str, error: Signal<Option<String>>) -> impl IntoView + use<> {
    let id = format!("{id}-error");
    move || {
        let id = id.clone();
        error.get().map(|message| {
            view! {
                <p class="field-error" id=id>
                    <Icon glyph=Glyph::Cross />
                    <span>{message}</span>
                </p>
            }
        })
    }
}

/// A row of a form around any control: `<Field path="tag" label="Tag" let:control><input id=control.id …/></Field>`.
#[component]
pub fn Field<C, V>(
    /// The field's path in the request, as errors name it.
    path: &'static str,
    /// Its name.
    #[prop(into)]
    label: String,
    /// A word under it; may change with what is typed.
    #[prop(optional, into)]
    hint: ViewFn,
    /// Marked as required. Whether it really is decides the server, which has the better words for it.
    #[prop(optional)]
    required: bool,
    /// The control.
    children: C,
) -> impl IntoView
where
    C: FnOnce(Control) -> V,
    V: IntoView,
{
    let id = control_id(path);
    let error = field_error(path);
    let control = Control {
        id: id.clone(),
        name: field_name(path),
        described_by: format!("{id}-hint {id}-error"),
        invalid: Signal::derive(move || error.with(Option::is_some).then_some("true")),
        required: required.then_some("true"),
    };
    view! {
        <div class="field" class:is-invalid=move || error.with(Option::is_some)>
            <label for=id.clone()>
                {label} {required.then(|| view! { <span class="required" aria-hidden="true">" *"</span> })}
            </label>
            <div class="field-control">
                {children(control)} {error_line(&id, error)} <div class="hint" id=format!("{id}-hint")>
                    {hint.run()}
                </div>
            </div>
        </div>
    }
}

//! Rows of things of one kind. On a narrow screen each row becomes a block of labelled values.

use leptos::{children::ViewFn, prelude::*};

/// A column's heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    title: &'static str,
    class: Option<&'static str>,
    hidden: bool,
}

impl Column {
    /// A column of numbers, aligned right.
    pub fn number(title: &'static str) -> Self {
        Self {
            title,
            class: Some("num"),
            hidden: false,
        }
    }

    /// A column whose heading only screen readers need, e.g. of buttons.
    pub fn hidden(title: &'static str) -> Self {
        Self {
            title,
            class: None,
            hidden: true,
        }
    }
}

impl From<&'static str> for Column {
    fn from(title: &'static str) -> Self {
        Self {
            title,
            class: None,
            hidden: false,
        }
    }
}

/// A table. The children are `<tr>`s of [`Cell`]s.
#[component]
pub fn Table(
    /// What the rows are, for screen readers.
    #[prop(into)]
    label: String,
    /// The columns.
    columns: Vec<Column>,
    /// Whether there is no row: then `when_empty` is shown instead.
    #[prop(optional, into)]
    empty: Signal<bool>,
    /// What to say and do when there is nothing yet.
    #[prop(optional, into)]
    when_empty: ViewFn,
    /// The rows.
    children: Children,
) -> impl IntoView {
    let head = columns
        .into_iter()
        .map(|column| {
            view! {
                <th scope="col" class=column.class>
                    <span class:sr-only=column.hidden>{column.title}</span>
                </th>
            }
        })
        .collect_view();
    view! {
        <div class="table-frame">
            <table class="table" class:is-empty=move || empty.get()>
                <caption class="sr-only">{label}</caption>
                <thead>
                    <tr>{head}</tr>
                </thead>
                <tbody>{children()}</tbody>
            </table>
            {move || empty.get().then(|| view! { <div class="empty">{when_empty.run()}</div> })}
        </div>
    }
}

/// A cell that keeps its column's name on narrow screens.
#[component]
pub fn Cell(
    /// The column's name; none for the cell that names the row.
    #[prop(optional)]
    label: Option<&'static str>,
    /// A number, aligned right.
    #[prop(optional)]
    number: bool,
    /// The value.
    children: Children,
) -> impl IntoView {
    view! {
        <td data-label=label class:num=number>
            <div class="cell">{children()}</div>
        </td>
    }
}

//! One line of the log.

use leptos::{either::Either, prelude::*};

use super::{
    ansi::{Span, is_plain, spans},
    model::{Entry, EntryKind},
};

/// Longer lines are cut in the page (the download has them whole): one line of a megabyte would cost as much as the rest of the log.
const LONGEST: usize = 4000;

impl EntryKind {
    fn class(self) -> &'static str {
        match self {
            Self::Heading => "log-row log-heading",
            Self::Out => "log-row",
            Self::Err => "log-row log-err",
            Self::Warning => "log-row log-warning",
            Self::Notice => "log-row log-notice",
            Self::Failure | Self::Bad => "log-row log-bad",
            Self::Good => "log-row log-good",
        }
    }
}

impl Entry {
    /// Tells rows apart: a record can give two.
    pub fn key(&self) -> (u64, u8) {
        (self.seq, self.kind as u8)
    }

    /// The text as far as the page shows it, and the number of bytes that it leaves out.
    pub fn shown(&self) -> (&str, usize) {
        let end = self.text.floor_char_boundary(LONGEST);
        (&self.text[..end], self.text.len() - end)
    }
}

/// A row. It never changes but for being selected.
#[component]
pub fn LogRow(entry: Entry, selected: RwSignal<Option<u64>>, start_ms: i64, on_select: Callback<u64>) -> impl IntoView {
    let line = entry.line;
    let (text, left_out) = entry.shown();
    let text = if is_plain(text) {
        Either::Left(text.to_owned())
    } else {
        Either::Right(spans(text).into_iter().map(span_view).collect_view())
    };
    let rest = (left_out > 0)
        .then(|| view! { <span class="log-control">{format!(" … {left_out} more bytes in the download")}</span> });
    let number = line.map(|line| {
        let select = move |event: leptos::ev::MouseEvent| {
            if !(event.ctrl_key() || event.meta_key() || event.shift_key()) {
                event.prevent_default();
                on_select.run(line);
            }
        };
        view! {
            <a href=format!("#L{line}") rel="external" aria-label=format!("Line {line}") on:click=select>
                {line}
            </a>
        }
    });
    let step = (entry.step > 0).then_some(entry.step);
    view! {
        <div
            class=entry.kind.class()
            class:log-at=move || line.is_some() && selected.get() == line
            id=line.map(|line| format!("L{line}"))
            data-line=line
            data-seq=entry.seq
        >
            <span class="log-no">{number}</span>
            <span class="log-step">{step}</span>
            <span class="log-time">{since(entry.at_ms - start_ms)}</span>
            <span class="log-text">{text} {rest}</span>
        </div>
    }
}

pub fn span_view(span: Span) -> impl IntoView {
    let class = if span.control {
        "log-control".to_owned()
    } else {
        span.style.class()
    };
    if class.is_empty() {
        Either::Left(span.text)
    } else {
        Either::Right(view! { <span class=class>{span.text}</span> })
    }
}

/// `0:12.345` since the start of the build.
fn since(ms: i64) -> String {
    let ms = ms.max(0);
    format!("{}:{:02}.{:03}", ms / 60_000, ms / 1000 % 60, ms % 1000)
}

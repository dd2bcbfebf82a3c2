//! What is shown under a notebook's host where there is no notebook to show. No scripts: a page that waits asks again by itself.

use std::fmt::Write as _;

use axum::{
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use prt_core::notebooks::NotebookVisit;
use prt_types::workers::WorkerStatus;

const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:0;min-height:100vh;display:grid;place-items:center;\
    background:light-dark(#f6f7f9,#0e1116);color:light-dark(#161b22,#e8ebf0);color-scheme:light dark}\
    main{max-width:34rem;margin:1.5rem;padding:1.5rem;border:1px solid light-dark(#dde1e7,#272d37);border-radius:6px;\
    background:light-dark(#fff,#161a21)}h1{font-size:1.2rem;margin:0 0 .5rem}p{margin:.5rem 0}\
    ol{margin:.75rem 0 0;padding:0;list-style:none;font-size:.85rem;color:light-dark(#59636f,#98a2b0)}\
    a{color:light-dark(#2f4fd8,#8ea4ff)}progress{width:100%}";

const GONE: &str = "What was not pushed or downloaded is gone.";

/// The link was used, or is over.
pub fn used(public_url: &str, number: i64) -> Response {
    page(
        StatusCode::FORBIDDEN,
        "This link does not work any more",
        &format!(
            "<p>A link into a notebook works once, and for a minute. {}</p>",
            again(public_url, number)
        ),
        None,
    )
}

/// Nobody that we know.
pub fn not_in(public_url: &str, number: i64) -> Response {
    page(
        StatusCode::FORBIDDEN,
        "You are not logged in to this notebook",
        &format!("<p>{}</p>", again(public_url, number)),
        None,
    )
}

/// Another site's page.
pub fn foreign() -> Response {
    page(
        StatusCode::FORBIDDEN,
        "Refused",
        "<p>This request came from another site's page.</p>",
        None,
    )
}

/// No worker is called like that.
pub fn no_worker(public_url: &str) -> Response {
    page(
        StatusCode::NOT_FOUND,
        "There is no such worker",
        &format!(
            "<p>Open a notebook from its worker's page: <a href=\"{}/workers\">Workers</a>.</p>",
            escape(public_url)
        ),
        None,
    )
}

/// The database does not answer.
pub fn unavailable() -> Response {
    page(
        StatusCode::SERVICE_UNAVAILABLE,
        "The console cannot look this up now",
        "<p>The page tries again by itself.</p>",
        Some(3),
    )
}

/// The worker runs, its notebook does not answer.
pub fn silent(visit: &NotebookVisit) -> Response {
    let words = format!(
        "<p>{} runs, but Jupyter in it does not answer. The page tries again by itself; if that does not help, look at the worker's log in \
         the console.</p><progress></progress>",
        escape(&visit.worker.name())
    );
    page(StatusCode::BAD_GATEWAY, "The notebook does not answer", &words, Some(3))
}

/// Not ready yet.
pub fn starting(visit: &NotebookVisit) -> Response {
    let mut words = format!("<p>{}</p><progress></progress><ol>", escape(&visit.worker.message));
    for event in &visit.events {
        _ = write!(words, "<li>{}</li>", escape(&event.message));
    }
    words.push_str("</ol>");
    let title = format!("{} is being started", escape(&visit.worker.name()));
    page(StatusCode::SERVICE_UNAVAILABLE, &title, &words, Some(1))
}

/// Not there any more.
pub fn ended(public_url: &str, visit: &NotebookVisit) -> Response {
    let worker = &visit.worker;
    let failed = worker
        .reason
        .map_or_else(String::new, |reason| format!("{}: {} ", reason.name(), worker.message));
    let ended = match (worker.status, &worker.stop_reason) {
        // It keeps its volumes until it is terminated.
        (WorkerStatus::Failed, _) => String::new(),
        (_, Some(reason)) => format!("It was terminated: {}. {GONE}", reason.trim_end_matches('.')),
        (_, None) => format!("It was terminated. {GONE}"),
    };
    let console = escape(public_url);
    let words = format!(
        "<p>{}{}</p><p><a href=\"{console}/workers/{}\">See the worker in the console</a>, \
         or <a href=\"{console}/workers/new\">start another one</a>.</p>",
        escape(&failed),
        escape(&ended),
        escape(&worker.name())
    );
    let title = format!("{} is {}", escape(&worker.name()), worker.status.name());
    page(StatusCode::GONE, &title, &words, None)
}

fn again(public_url: &str, number: i64) -> String {
    format!(
        "<a href=\"{}/workers/Worker-{number}\">Open the worker in the console</a> and there its notebook, or call open_notebook() again.",
        escape(public_url)
    )
}

fn page(status: StatusCode, title: &str, words: &str, again_s: Option<u32>) -> Response {
    let refresh = again_s.map_or_else(String::new, |seconds| {
        format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">")
    });
    let html = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, \
         initial-scale=1\"><title>{title}</title>{refresh}<style>{STYLE}</style></head><body><main><h1>{title}</h1>{words}</main></body></html>"
    );
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (status, headers, Html(html)).into_response()
}

fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn words_are_text() {
        assert_eq!(escape("<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
    }
}

//! The HTML document around the app. It exists on the server only: the browser takes over the body.

use std::{
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use axum::http::{HeaderValue, StatusCode, header};
use http::request::Parts;
use leptos::{nonce::use_nonce, prelude::*};
use leptos_axum::ResponseOptions;
use leptos_meta::MetaTags;
use leptos_router::components::provide_server_redirect;

use crate::{
    app::App,
    components::{PageStatus, Theme},
};

/// The document. `options` says where the built files are.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let folder = options.site_pkg_dir.to_string();
    let wasm_name = wasm_name(&options);
    let version = version(&options, &wasm_name);
    let file = |name: &str| format!("/{folder}/{name}?v={version}");
    let (script, wasm) = (file(&format!("{}.js", options.output_name)), file(&wasm_name));
    let style = file(&format!("{}.css", options.output_name));
    provide_server_redirect(redirect);
    provide_context(PageStatus::new(set_status));
    // Leptos' own HydrationScripts knows the file's name at compile time only, and no version.
    let start = format!("import({script:?}).then(m=>m.default({{module_or_path:{wasm:?}}}).then(()=>m.hydrate()))");
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme().name()>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <meta name="description" content="Build container images and run workers on them" />
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <link rel="stylesheet" href=style />
                <link rel="modulepreload" href=script nonce=use_nonce() />
                <link rel="preload" href=wasm r#as="fetch" r#type="application/wasm" crossorigin="anonymous" />
                <AutoReload options=options.clone() />
                <script type="module" nonce=use_nonce()>
                    {start}
                </script>
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

/// A page's redirect. Leptos' own sets the status only for clients that ask for `text/html` by name, and sends the
/// others an empty page.
fn redirect(address: &str) {
    if let (Some(response), Ok(location)) = (use_context::<ResponseOptions>(), HeaderValue::from_str(address)) {
        response.insert_header(header::LOCATION, location);
        response.set_status(StatusCode::FOUND);
    }
}

/// The status of a page that shows an error; one that leads elsewhere keeps its redirect.
fn set_status(status: u16) {
    if let (Some(response), Ok(status)) = (use_context::<ResponseOptions>(), StatusCode::from_u16(status)) {
        let redirects = response
            .0
            .read()
            .is_ok_and(|parts| parts.headers.contains_key(header::LOCATION));
        if !redirects {
            response.set_status(status);
        }
    }
}

/// The theme that the viewer chose, from the cookie.
pub fn theme() -> Theme {
    let chosen = use_context::<Parts>().and_then(|parts| {
        let cookies = parts
            .headers
            .get_all(header::COOKIE)
            .into_iter()
            .filter_map(|value| value.to_str().ok());
        cookies
            .flat_map(|value| value.split(';'))
            .find_map(|cookie| Theme::from_name(cookie.trim().strip_prefix("theme=")?))
    });
    chosen.unwrap_or_default()
}

/// The wasm file's name: wasm-bindgen's own, or cargo-leptos'.
fn wasm_name(options: &LeptosOptions) -> String {
    let bindgen = format!("{}_bg.wasm", options.output_name);
    if pkg(options).join(&bindgen).exists() {
        bindgen
    } else {
        format!("{}.wasm", options.output_name)
    }
}

/// Changes when the built files change, so that browsers may keep them for good.
fn version(options: &LeptosOptions, wasm_name: &str) -> String {
    let modified = std::fs::metadata(pkg(options).join(wasm_name))
        .and_then(|file| file.modified())
        .ok();
    let since = modified
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .unwrap_or_default();
    format!("{:x}", since.as_millis())
}

fn pkg(options: &LeptosOptions) -> PathBuf {
    Path::new(&*options.site_root).join(&*options.site_pkg_dir)
}

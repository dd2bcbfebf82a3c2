//! The console: pages rendered on the server by Leptos, brought to life in the browser by WebAssembly.
//!
//! Everything but `server` compiles for both targets. The gates on modules stand here and nowhere else; code
//! that exists on one side only lives in a module of that side, or in the body of a server function.
//!

// Views are deep types.
#![recursion_limit = "512"]

pub mod app;
pub mod client;
pub mod components;
pub mod error;
pub mod forms;
pub mod pages;

#[cfg(feature = "ssr")]
pub mod server;
#[cfg(feature = "ssr")]
pub mod shell;

/// Takes over the page that the server has rendered; called by the script in the page's head.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(app::App);
}

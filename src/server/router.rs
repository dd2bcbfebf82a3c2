//! All routes: pages, server functions, REST, live events, health.

use std::collections::BTreeSet;

use axum::{
    Extension, Json, Router,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use leptos::{prelude::provide_context, server_fn};
use leptos_axum::{LeptosRoutes, file_and_error_handler_with_context, generate_route_list_with_exclusions};
use prt_core::Orchestrator;
use prt_types::ErrorCode;
use tower_http::{compression::CompressionLayer, services::ServeDir};

use super::{
    extract::{self, RequestId},
    functions, idempotency, linger, metrics, notebook, openapi,
    problem::Problem,
    rest, security, session,
    state::AppState,
};
use crate::{app::App, shell::shell};

/// The whole server.
pub fn router(state: AppState) -> Router {
    let provide = {
        let orchestrator = state.orchestrator.clone();
        let origins = security::notebook_origins(&orchestrator);
        move || {
            provide_context(orchestrator.clone());
            security::page_policy(&origins);
        }
    };
    let notebooks = notebook::Notebooks::new(&state.orchestrator);
    let options = state.leptos.clone();
    let page = move || shell(options.clone());
    let functions = {
        let provide = provide.clone();
        let style = format!("/{}/{}.css", state.leptos.site_pkg_dir, state.leptos.output_name);
        any(move |request: Request| functions::call(provide, style, request))
    };
    let not_found = file_and_error_handler_with_context::<AppState, _>(provide.clone(), shell);
    let files = ServeDir::new(&*state.leptos.site_root)
        .append_index_html_on_directories(false)
        .precompressed_br()
        .precompressed_gzip()
        .fallback(
            Router::new()
                .fallback(not_found)
                .layer(middleware::from_fn_with_state(
                    state.orchestrator.clone(),
                    extract::identify,
                ))
                .layer(session::layer(&state.orchestrator))
                .layer(CompressionLayer::new())
                .with_state(state.clone()),
        );
    let (api, document) = rest::v1::router().split_for_parts();
    let document = openapi::complete(document);
    let api = api.layer(middleware::from_fn_with_state(
        state.orchestrator.clone(),
        idempotency::answer_once,
    ));
    // A route for each, so that each is measured for itself.
    let functions = server_fn::axum::server_fn_paths()
        .map(|(path, _)| path)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .fold(Router::new(), |router, path| router.route(path, functions.clone()))
        .route("/_fn/{*name}", functions);
    let identified = functions
        .leptos_routes_with_context(&state, pages(), provide, page)
        .merge(api)
        .route("/api/v1/openapi.json", get(async move || Json(document)))
        .route("/api/{*rest}", any(no_such_endpoint))
        .layer(middleware::from_fn_with_state(
            state.orchestrator.clone(),
            security::same_origin,
        ))
        .layer(middleware::from_fn_with_state(
            state.orchestrator.clone(),
            extract::identify,
        ))
        .layer(session::layer(&state.orchestrator));
    Router::new()
        .merge(identified)
        .route("/health/liveness/", get(async || "alive\n"))
        .route("/health/readiness/", get(readiness))
        .route("/metrics", get(metrics::render))
        .method_not_allowed_fallback(method_not_allowed)
        // Before the files: those have compressed siblings, or are a debug build's, whose wasm takes longer to compress than to load.
        .layer(CompressionLayer::new())
        .fallback_service(
            tower::ServiceBuilder::new()
                .layer(middleware::from_fn(keep_built_files))
                .service(files),
        )
        .layer(middleware::from_fn(session::only_one))
        .layer(middleware::from_fn(security::headers))
        .layer(middleware::from_fn(metrics::measure))
        .layer(middleware::from_fn_with_state(notebooks, notebook::by_host))
        .layer(middleware::map_request(linger::read_on))
        .with_state(state)
}

/// The pages' addresses. The page for unknown ones is no address: files and the server's fallback come first. Neither are server
/// functions, for which Leptos would make routes of its own.
fn pages() -> Vec<leptos_axum::AxumRouteListing> {
    let functions = server_fn::axum::server_fn_paths().map(|(path, _)| path.to_owned());
    let excluded = functions.chain(["/{*any}".to_owned()]).collect();
    generate_route_list_with_exclusions(App, Some(excluded))
}

/// An unknown address below `/api/`: an error like any other.
async fn no_such_endpoint(Extension(RequestId(id)): Extension<RequestId>) -> Problem {
    let mut problem = Problem::of(ErrorCode::NotFound, "There is no such endpoint.", &id);
    problem.0.hint = Some("The endpoints are in /api/v1/openapi.json.".into());
    problem
}

/// A known address with a method that it does not have.
async fn method_not_allowed(Extension(RequestId(id)): Extension<RequestId>) -> Response {
    Problem::method_not_allowed(&id)
}

/// Built files carry a version in their address and may be kept for good.
async fn keep_built_files(request: Request, next: Next) -> Response {
    let versioned = request.uri().path().starts_with("/pkg/") && request.uri().query().is_some();
    let mut response = next.run(request).await;
    if versioned && response.status().is_success() {
        let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
        response.headers_mut().insert(header::CACHE_CONTROL, forever);
    }
    response
}

/// Whether requests can be served: database and engine answer.
async fn readiness(State(orchestrator): State<Orchestrator>) -> Response {
    match orchestrator.ready().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}

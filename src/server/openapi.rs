//! The OpenAPI document of `/api/v1`: collected from the handlers, completed with what holds for all of them.

use prt_types::ApiError;
use utoipa::{
    OpenApi,
    openapi::{
        ContentBuilder, Ref, ResponseBuilder,
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "prt-console",
        description = "Build container images and run workers on them."
    ),
    components(schemas(ApiError))
)]
struct Base;

/// The document without paths; the routers add theirs.
pub fn base() -> utoipa::openapi::OpenApi {
    Base::openapi()
}

/// Adds the bearer token and the one error shape.
pub fn complete(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    const TOKEN: &str = "token";
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An API token"))
        .build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(TOKEN, SecurityScheme::Http(scheme));
    document.security = Some(vec![SecurityRequirement::new(TOKEN, Vec::<String>::new())]);
    let error = ResponseBuilder::new()
        .description("Not done; the code says what kind of error")
        .content(
            "application/json",
            ContentBuilder::new()
                .schema(Some(Ref::from_schema_name("ApiError")))
                .build(),
        )
        .build();
    for item in document.paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.put, &mut item.post, &mut item.delete]
            .into_iter()
            .flatten()
        {
            operation
                .responses
                .responses
                .insert("default".into(), error.clone().into());
        }
    }
    document
}

//! A registry that misbehaves as the repositories in it are named: `pull-403/x` refuses manifests, `blob-429/x` what they name,
//! `post-404/x` the beginning of a push, `put-409/x` its end. `ok/…` is as it should be.

use std::{
    collections::HashMap,
    env,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;

use super::own_registry::{bridge_address, busybox_layer};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The header of a 64-bit ELF program for a processor that no machine here has (EM_S390).
pub const FOREIGN: &[u8] = b"\x7fELF\x02\x02\x01\0\0\0\0\0\0\0\0\0\0\x02\0\x16\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x40\0\x38\0\0\0\x40\0\0\0\0";

/// Gone with the value.
pub struct FaultyRegistry {
    /// Its address for containers and for this machine.
    pub host: String,
    /// Its address for the engine, which takes a registry on the loopback device for one without TLS.
    pub local: String,
    task: JoinHandle<()>,
}

#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<Content>>);

#[derive(Default)]
struct Content {
    blobs: HashMap<String, Vec<u8>>,
    /// Those that were asked to wait once.
    waited: Vec<String>,
}

impl FaultyRegistry {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let app = Router::new().fallback(answer).with_state(Shelf::default());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.expect("the registry serves") });
        Self {
            host: format!("{}:{port}", bridge_address()),
            local: format!("127.0.0.1:{port}"),
            task,
        }
    }
}

impl Drop for FaultyRegistry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(shelf): State<Shelf>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let path = uri.path();
    if let Some(file) = path.strip_prefix("/files/") {
        return match file.parse().ok().and_then(|status| StatusCode::from_u16(status).ok()) {
            Some(status) => status.into_response(),
            None => "hello\n".into_response(),
        };
    }
    if let Some(status) = path.strip_prefix("/token/") {
        return refuse(status);
    }
    let Some(rest) = path.strip_prefix("/v2/").filter(|rest| !rest.is_empty()) else {
        return "{}".into_response();
    };
    let parts = ["/manifests/", "/blobs/"]
        .into_iter()
        .find_map(|kind| Some((kind, rest.split_once(kind)?)));
    let Some((kind, (repository, reference))) = parts else {
        return refuse("404");
    };
    let (what, _) = repository.split_once('/').unwrap_or((repository, ""));
    let pushes = [Method::POST, Method::PATCH, Method::PUT].contains(&method);
    let manifest = kind == "/manifests/";
    match what.split_once('-') {
        Some(("pull", status)) if !pushes => return refuse(status),
        Some(("blob", status)) if !pushes && !manifest => return refuse(status),
        Some(("post", status)) if method == Method::POST => return refuse(status),
        Some(("put", status)) if method == Method::PUT && manifest => return refuse(status),
        Some(("head", status)) if method == Method::HEAD => return refuse(status),
        Some(("once", status)) if method == Method::POST && shelf.first(repository) => return refuse(status),
        Some(("slow", _)) => tokio::time::sleep(Duration::from_secs(2)).await,
        Some(("token", status)) => {
            let host = headers
                .get(header::HOST)
                .and_then(|host| host.to_str().ok())
                .unwrap_or_default();
            let challenge = format!(
                "Bearer realm=\"http://{host}/token/{status}\",service=\"faulty\",scope=\"repository:{repository}:pull\""
            );
            let ask = [(header::WWW_AUTHENTICATE, challenge)];
            return (StatusCode::UNAUTHORIZED, ask, refuse("401").into_body()).into_response();
        }
        _ => {}
    }
    if pushes {
        return take(&method, repository, &body);
    }
    shelf.give(what, repository, manifest, reference)
}

/// Status, code and words by the status alone.
fn refuse(status: &str) -> Response {
    let (code, message) = match status {
        "400" => ("MANIFEST_INVALID", "no schema 2 here"),
        "401" => ("UNAUTHORIZED", "authentication required"),
        "403" => ("DENIED", "would exceed the quota"),
        "404" => ("NAME_UNKNOWN", "create it first in the portal"),
        "409" => ("TAG_IMMUTABLE", "the tag 1 is immutable"),
        "429" => ("TOOMANYREQUESTS", "slow down, you"),
        _ => ("", "read-only, back at 18:00"),
    };
    let status = status
        .parse()
        .ok()
        .and_then(|status| StatusCode::from_u16(status).ok())
        .expect("a status");
    let wait = (status == StatusCode::TOO_MANY_REQUESTS).then_some([(header::RETRY_AFTER, "1")]);
    let body = if code.is_empty() {
        message.into_response()
    } else {
        axum::Json(json!({ "errors": [{ "code": code, "message": message }] })).into_response()
    };
    match wait {
        Some(wait) => (status, wait, body).into_response(),
        None => (status, body).into_response(),
    }
}

fn take(method: &Method, repository: &str, body: &[u8]) -> Response {
    let at = format!("/v2/{repository}/blobs/uploads/1");
    if *method == Method::PUT {
        let digest = header::HeaderName::from_static("docker-content-digest");
        (StatusCode::CREATED, [(header::LOCATION, at), (digest, sha256(body))]).into_response()
    } else {
        (StatusCode::ACCEPTED, [(header::LOCATION, at)]).into_response()
    }
}

impl Shelf {
    fn first(&self, repository: &str) -> bool {
        let waited = &mut self.0.lock().expect("not poisoned").waited;
        let first = !waited.iter().any(|one| one == repository);
        waited.push(repository.to_owned());
        first
    }

    fn give(&self, what: &str, repository: &str, manifest: bool, reference: &str) -> Response {
        let mut content = self.0.lock().expect("not poisoned");
        let found = if manifest && !reference.starts_with("sha256:") {
            (reference == "1").then(|| content.image(what, repository)).flatten()
        } else {
            content.blobs.get(reference).cloned()
        };
        let Some(bytes) = found else { return refuse("404") };
        let kind = serde_json::from_slice::<serde_json::Value>(&bytes)
            .ok()
            .and_then(|json| json["mediaType"].as_str().map(str::to_owned));
        let digest = if reference.starts_with("sha256:") {
            reference.to_owned()
        } else {
            sha256(&bytes)
        };
        let kind = match what {
            "html" if manifest => "text/html".to_owned(),
            _ => kind.unwrap_or_else(|| "application/octet-stream".to_owned()),
        };
        let headers = [
            (header::CONTENT_TYPE, kind),
            (header::HeaderName::from_static("docker-content-digest"), digest),
        ];
        (headers, bytes).into_response()
    }
}

impl Content {
    /// The manifest of a repository. Each has a layer of its own, so that no builder has it already.
    fn image(&mut self, what: &str, repository: &str) -> Option<Vec<u8>> {
        let here = match env::consts::ARCH {
            "aarch64" => "arm64",
            _ => "amd64",
        };
        let elsewhere = if here == "arm64" { "amd64" } else { "arm64" };
        let layer = own_layer(if what == "foreign" { Some(FOREIGN) } else { None }, repository);
        Some(match what {
            "gone" | "put" | "post" | "head" | "once" => return None,
            "corrupt" => {
                let mut other = layer.clone();
                *other.last_mut()? ^= 1;
                self.manifest(here, &layer, other)
            }
            "notar" => {
                let noise: Vec<u8> = repository.bytes().cycle().take(4096).collect();
                self.manifest(here, &noise, noise.clone())
            }
            "short" => self.manifest(here, &layer, layer[..1000].to_vec()),
            "foreign" => self.manifest(elsewhere, &layer, layer.clone()),
            "index" => {
                let manifest = self.manifest(elsewhere, &layer, layer.clone());
                let digest = self.keep(manifest.clone());
                let index = json!({
                    "schemaVersion": 2,
                    "mediaType": INDEX,
                    "manifests": [{
                        "mediaType": MANIFEST,
                        "digest": digest,
                        "size": manifest.len(),
                        "platform": { "os": "linux", "architecture": elsewhere },
                    }],
                });
                let index = index.to_string().into_bytes();
                self.keep(index.clone());
                index
            }
            _ => self.manifest(here, &layer, layer.clone()),
        })
    }

    /// An image of one layer; `sent` is what comes in its place.
    fn manifest(&mut self, architecture: &str, layer: &[u8], sent: Vec<u8>) -> Vec<u8> {
        let digest = sha256(layer);
        self.blobs.insert(digest.clone(), sent);
        let config = json!({
            "architecture": architecture,
            "os": "linux",
            "config": { "Cmd": ["/bin/sh"], "Env": ["PATH=/bin"] },
            "rootfs": { "type": "layers", "diff_ids": [digest] },
        });
        let config = config.to_string().into_bytes();
        let size = config.len();
        let config = self.keep(config);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": size },
            "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": layer.len() }],
        });
        let manifest = manifest.to_string().into_bytes();
        self.keep(manifest.clone());
        manifest
    }

    fn keep(&mut self, bytes: Vec<u8>) -> String {
        let digest = sha256(&bytes);
        self.blobs.insert(digest.clone(), bytes);
        digest
    }
}

fn own_layer(shell: Option<&[u8]>, name: &str) -> Vec<u8> {
    let mut layer = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(name.len() as u64);
    header.set_mode(0o644);
    layer
        .append_data(&mut header, "repository", name.as_bytes())
        .expect("the layer can be written");
    let mut whole = layer.into_inner().expect("the layer can be written");
    // Without the two empty blocks that end an archive, what follows belongs to it.
    whole.truncate(whole.len() - 1024);
    whole.extend(busybox_layer(shell));
    whole
}

fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

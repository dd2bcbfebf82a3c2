//! A registry of one test's own: Debian's `docker-registry` on a free port, gone with the test.
//!
//! It listens on the address of the engine's bridge, which containers and this machine both reach, so its name is that address:
//! no name has to be resolved, and the engine does not take it for an insecure one as it does with 127.0.0.0/8.
//!
//! ```ignore
//! let registry = OwnRegistry::tls().login("robot").start().await;
//! registry.push_busybox("library/base", "1").await;
//! let dockerfile = format!("FROM {}\n", registry.reference("library/base", "1"));
//! let ca = fs::read_to_string(registry.ca_file())?;
//! assert!(registry.requests().contains("/v2/library/base/manifests/1"));
//! ```

use std::{
    cell::RefCell,
    env, fs,
    io::Write as _,
    net::{IpAddr, Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use prt_types::builds::RegistryCredential;
use reqwest::{Certificate, Client, Identity, Method, RequestBuilder, StatusCode};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::{
    authority::{Authority, Signed},
    eventually,
};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// How the registry is met.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Transport {
    Http,
    Tls,
    MutualTls,
}

impl Transport {
    fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Tls | Self::MutualTls => "https",
        }
    }
}

/// What a registry shall be; [`Setup::start`] starts it.
pub struct Setup {
    transport: Transport,
    user: Option<String>,
}

/// A running registry.
pub struct OwnRegistry {
    child: Child,
    folder: TempDir,
    transport: Transport,
    authority: Authority,
    login: Option<(String, String)>,
    http: Client,
    /// `address:port`, as in references and configurations.
    pub host: String,
}

impl OwnRegistry {
    /// Speaks plain HTTP.
    pub fn http() -> Setup {
        Setup::new(Transport::Http)
    }

    /// Speaks TLS with a certificate from an authority of its own.
    pub fn tls() -> Setup {
        Setup::new(Transport::Tls)
    }

    /// Speaks TLS and wants a client certificate from the same authority.
    pub fn mutual_tls() -> Setup {
        Setup::new(Transport::MutualTls)
    }

    /// `host/repository:tag`.
    pub fn reference(&self, repository: &str, tag: &str) -> String {
        format!("{}/{repository}:{tag}", self.host)
    }

    /// `http://…` or `https://…`, as in `mirrors = [..]` of some tools.
    pub fn url(&self) -> String {
        format!("{}://{}", self.transport.scheme(), self.host)
    }

    /// The authority behind the registry's certificate.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The authority's certificate as a PEM file.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.crt")
    }

    /// A client certificate that [`OwnRegistry::mutual_tls`] accepts, as PEM files: certificate and key.
    pub fn client_files(&self) -> (PathBuf, PathBuf) {
        (
            self.folder.path().join("client.crt"),
            self.folder.path().join("client.key"),
        )
    }

    /// The login that it asks for.
    pub fn login(&self) -> RegistryCredential {
        let (username, password) = self.login.clone().expect("the registry asks for a login");
        RegistryCredential {
            host: self.host.clone(),
            username,
            password: password.as_str().into(),
            only: None,
        }
    }

    /// Requests that it has answered, one a line, as in a web server's access log.
    pub fn requests(&self) -> String {
        fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default()
    }

    /// Pushes an image with busybox as its shell and common commands; its digest.
    pub async fn push_busybox(&self, repository: &str, tag: &str) -> String {
        self.push_layer(repository, tag, busybox_layer(None)).await
    }

    /// Pushes an image that holds nothing but some files; its digest.
    pub async fn push_files(&self, repository: &str, tag: &str, files: &[(&str, &[u8])]) -> String {
        let mut layer = tar::Builder::new(Vec::new());
        for (path, content) in files {
            append(&mut layer, path, 0o644, content);
        }
        self.push_layer(repository, tag, layer.into_inner().expect("the layer can be written"))
            .await
    }

    /// The digest behind a tag, if there is one.
    pub async fn digest(&self, repository: &str, tag: &str) -> Option<String> {
        let answer = self
            .ask(Method::HEAD, &format!("/v2/{repository}/manifests/{tag}"))
            .header("accept", format!("{MANIFEST}, {INDEX}"))
            .send()
            .await
            .expect("the registry answers");
        match answer.status() {
            StatusCode::OK => Some(answer.headers()["docker-content-digest"].to_str().ok()?.to_owned()),
            StatusCode::NOT_FOUND => None,
            other => panic!("the registry answers {other}"),
        }
    }

    async fn push_layer(&self, repository: &str, tag: &str, layer: Vec<u8>) -> String {
        let layer_digest = sha256(&layer);
        let architecture = match env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let config = serde_json::json!({
            "architecture": architecture,
            "os": "linux",
            "config": { "Cmd": ["/bin/sh"], "Env": ["PATH=/bin"] },
            "rootfs": { "type": "layers", "diff_ids": [layer_digest] },
        })
        .to_string();
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": sha256(config.as_bytes()),
                "size": config.len(),
            },
            "layers": [{
                "mediaType": "application/vnd.oci.image.layer.v1.tar",
                "digest": layer_digest,
                "size": layer.len(),
            }],
        })
        .to_string();
        self.push_blob(repository, layer).await;
        self.push_blob(repository, config.into_bytes()).await;
        let digest = sha256(manifest.as_bytes());
        self.ask(Method::PUT, &format!("/v2/{repository}/manifests/{tag}"))
            .header("content-type", MANIFEST)
            .body(manifest)
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .expect("the manifest is pushed");
        digest
    }

    async fn push_blob(&self, repository: &str, blob: Vec<u8>) {
        let started = self
            .ask(Method::POST, &format!("/v2/{repository}/blobs/uploads/"))
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .expect("an upload starts");
        // Relative, because the configuration says so: it carries the upload's state as a query.
        let location = started.headers()["location"].to_str().expect("an address");
        let separator = if location.contains('?') { '&' } else { '?' };
        self.ask(Method::PUT, &format!("{location}{separator}digest={}", sha256(&blob)))
            .header("content-type", "application/octet-stream")
            .body(blob)
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .expect("the blob is pushed");
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url()));
        match &self.login {
            Some((username, password)) => request.basic_auth(username, Some(password)),
            None => request,
        }
    }
}

impl Drop for OwnRegistry {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("requests to the registry {}:\n{}", self.host, self.requests());
        }
    }
}

impl Setup {
    fn new(transport: Transport) -> Self {
        Self { transport, user: None }
    }

    /// Asks for a login, with a password of its own: [`OwnRegistry::login`].
    pub fn login(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    /// Starts it and waits until it answers.
    pub async fn start(self) -> OwnRegistry {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let address = bridge_address();
        let authority = Authority::new("a test's own authority");
        let server = authority.server(
            &["own-registry.prt.localhost", "localhost"],
            &[address, Ipv4Addr::LOCALHOST.into()],
        );
        let client = authority.client("a test's own client");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file can be written");
        write("ca.crt", &authority.pem());
        write("server.crt", &server.certificate);
        write("server.key", &server.key);
        write("client.crt", &client.certificate);
        write("client.key", &client.key);
        let login = self.user.as_ref().map(|user| {
            let password = format!("own-registry-{}", uuid::Uuid::new_v4().simple());
            write("htpasswd", &htpasswd(user, &password));
            (user.clone(), password)
        });
        let http = self.client_of(&authority, &client);

        // Between finding a free port and taking it somebody else may take it.
        let mut attempts = 5;
        let (child, port) = loop {
            let port = TcpListener::bind((address, 0))
                .and_then(|listener| listener.local_addr())
                .expect("a free port on the engine's bridge")
                .port();
            write("config.yml", &self.config(folder.path(), address, port));
            let mut child = spawn(folder.path());
            if self.answers(&mut child, &http, address, port).await {
                break (child, port);
            }
            attempts -= 1;
            let log = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            assert!(attempts > 0, "the registry does not start:\n{log}");
        };
        OwnRegistry {
            child,
            folder,
            transport: self.transport,
            authority,
            login,
            http,
            host: format!("{address}:{port}"),
        }
    }

    /// Waits for its first answer, be it that it wants a login; `false` if it has ended instead.
    async fn answers(&self, child: &mut Child, http: &Client, address: IpAddr, port: u16) -> bool {
        let scheme = self.transport.scheme();
        let child = RefCell::new(child);
        eventually("the registry answers", || {
            let ended = child.borrow_mut().try_wait().expect("the registry can be waited for");
            async move {
                if ended.is_some() {
                    return Some(false);
                }
                let answer = http.get(format!("{scheme}://{address}:{port}/v2/")).send().await;
                answer.is_ok().then_some(true)
            }
        })
        .await
    }

    fn client_of(&self, authority: &Authority, client: &Signed) -> Client {
        let mut http = Client::builder().no_proxy().timeout(Duration::from_secs(20));
        if self.transport != Transport::Http {
            let certificate = Certificate::from_pem(authority.pem().as_bytes()).expect("a certificate");
            http = http.tls_certs_only([certificate]);
        }
        if self.transport == Transport::MutualTls {
            let pem = format!("{}{}", client.certificate, client.key);
            http = http.identity(Identity::from_pem(pem.as_bytes()).expect("an identity"));
        }
        http.build().expect("a client")
    }

    fn config(&self, folder: &Path, address: IpAddr, port: u16) -> String {
        let file = |name: &str| folder.join(name).display().to_string();
        let mut lines = vec![
            "version: 0.1".to_owned(),
            "log: {level: info, accesslog: {disabled: false}}".to_owned(),
            format!(
                "storage: {{filesystem: {{rootdirectory: \"{}\"}}, delete: {{enabled: true}}}}",
                file("data")
            ),
            "http:".to_owned(),
            format!("  addr: \"{address}:{port}\""),
            "  relativeurls: true".to_owned(),
        ];
        if self.transport != Transport::Http {
            let authorities = match self.transport {
                Transport::MutualTls => format!(", clientcas: [\"{}\"]", file("ca.crt")),
                _ => String::new(),
            };
            lines.push(format!(
                "  tls: {{certificate: \"{}\", key: \"{}\"{authorities}}}",
                file("server.crt"),
                file("server.key")
            ));
        }
        if self.user.is_some() {
            lines.push(format!(
                "auth: {{htpasswd: {{realm: own, path: \"{}\"}}}}",
                file("htpasswd")
            ));
        }
        lines.join("\n")
    }
}

fn spawn(folder: &Path) -> Child {
    let file = |name: &str| fs::File::create(folder.join(name)).expect("a log file");
    Command::new("docker-registry")
        .arg("serve")
        .arg(folder.join("config.yml"))
        .stdin(Stdio::null())
        .stdout(file("access.log"))
        .stderr(file("log"))
        .spawn()
        .expect("docker-registry is missing: run scripts/setup/system-packages.sh")
}

/// A root file system with busybox as its shell and common commands, or with another program in the place of the shell.
pub fn busybox_layer(shell: Option<&[u8]>) -> Vec<u8> {
    let busybox = fs::read("/bin/busybox")
        .expect("/bin/busybox is missing: apt-get install busybox-static (scripts/setup/system-packages.sh)");
    let mut layer = tar::Builder::new(Vec::new());
    append(&mut layer, "bin/busybox", 0o755, &busybox);
    if let Some(program) = shell {
        append(&mut layer, "bin/sh", 0o755, program);
    }
    for name in [
        "sh", "cat", "cp", "date", "echo", "env", "id", "ls", "sleep", "test", "wc",
    ] {
        if shell.is_some() && name == "sh" {
            continue;
        }
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        header.set_mode(0o777);
        layer
            .append_link(&mut header, format!("bin/{name}"), "busybox")
            .expect("the layer can be written");
    }
    append(&mut layer, "etc/passwd", 0o644, b"root:x:0:0:root:/:/bin/sh\n");
    layer.into_inner().expect("the layer can be written")
}

/// Busybox under the one name with which it is a web server, and the file that says that a notebook is there.
pub fn web_server_layer() -> Vec<u8> {
    let busybox = fs::read("/bin/busybox").expect("/bin/busybox is missing: apt-get install busybox-static");
    let mut layer = tar::Builder::new(Vec::new());
    append(&mut layer, "httpd", 0o755, &busybox);
    append(&mut layer, "www/api", 0o644, b"{}");
    layer.into_inner().expect("the layer can be written")
}

fn append(layer: &mut tar::Builder<Vec<u8>>, path: &str, mode: u32, content: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(mode);
    layer
        .append_data(&mut header, path, content)
        .expect("the layer can be written");
}

fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// A line for the registry's password file. The password goes by standard input.
fn htpasswd(user: &str, password: &str) -> String {
    let mut child = Command::new("htpasswd")
        .args(["-iBn", user])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("htpasswd is missing: run scripts/setup/system-packages.sh");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(password.as_bytes()).expect("htpasswd reads");
    drop(input);
    let output = child.wait_with_output().expect("htpasswd ends");
    String::from_utf8(output.stdout).expect("a line of text")
}

/// Where containers and this machine both reach a server of this machine.
pub fn bridge_address() -> IpAddr {
    env::var("PRT_REGISTRY_BRIDGE_IP")
        .expect("PRT_REGISTRY_BRIDGE_IP is not set: run scripts/setup/registries.sh and load the registries.env that it writes")
        .parse()
        .expect("PRT_REGISTRY_BRIDGE_IP is an address")
}

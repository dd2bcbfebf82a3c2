//! Images hold exactly the files of their context, by every entry point, whatever the files' sizes and times are.

use std::{
    collections::BTreeMap,
    fs::{self, File, FileTimes},
    io::Write as _,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use prt_client::ContextBody;
use prt_types::{
    builds::{BuildRequest, BuildStatus, BuildView},
    contexts::ContextView,
};
use reqwest::multipart;

use crate::helpers::{ADMIN_PASSWORD, Cli, Console, builder_worker, docker, http_registry, sh};

const DOCKERFILE: &str = "FROM scratch\nCOPY . /c/\n";

fn http() -> reqwest::Client {
    let client = reqwest::Client::builder().timeout(Duration::from_mins(1));
    client.redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// What a path is: its content, or where a link points.
type Tree = BTreeMap<String, String>;

/// Numbers that are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn text(&mut self, length: usize) -> String {
        (0..length).map(|_| char::from(b'a' + self.below(26) as u8)).collect()
    }
}

/// Two trees that are easy to take for each other.
fn pair(random: &mut Random) -> (Tree, Tree, bool) {
    let files = 1 + random.below(5);
    let mut first = Tree::new();
    for number in 0..files {
        let folder = ["", "a/", "a/deep/", "b/"][random.below(4) as usize];
        let length = 1 + random.below(40) as usize;
        first.insert(format!("{folder}f{number}"), random.text(length));
    }
    let mut second = first.clone();
    let constant = random.below(3) > 0;
    match random.below(4) {
        // Other contents of the same sizes.
        0 | 1 => {
            for content in second.values_mut() {
                *content = random.text(content.len());
            }
        }
        // Folders change their names.
        2 => {
            second = first
                .iter()
                .map(|(path, content)| {
                    let path = match path.split_once('/') {
                        Some(("a", rest)) => format!("b/{rest}x"),
                        Some(("b", rest)) => format!("a/{rest}x"),
                        _ => path.clone(),
                    };
                    (path, content.clone())
                })
                .collect();
        }
        // Files change places, and one goes.
        _ => {
            let contents: Vec<String> = first.values().rev().cloned().collect();
            for (content, other) in second.values_mut().zip(contents) {
                *content = other;
            }
            if second.len() > 1 {
                second.pop_first();
            }
        }
    }
    (first, second, constant)
}

/// Makes a folder hold a tree and nothing else.
fn write(folder: &Path, tree: &Tree, constant: bool) {
    _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).unwrap();
    let dockerfile = ("Dockerfile".to_owned(), DOCKERFILE.to_owned());
    for (path, content) in tree.iter().chain([(&dockerfile.0, &dockerfile.1)]) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        if constant {
            let times = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
            File::options()
                .append(true)
                .open(&path)
                .unwrap()
                .set_times(times)
                .unwrap();
        }
    }
}

fn read(folder: &Path, below: &str, tree: &mut Tree) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{below}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            read(&entry.path(), &format!("{path}/"), tree);
        } else {
            tree.insert(path, fs::read_to_string(entry.path()).unwrap());
        }
    }
}

/// The last layer of an image in the plain registry, unpacked.
async fn layer(build: &BuildView) -> tempfile::TempDir {
    let http = http();
    let (host, repository) = build.name.split_once('/').unwrap();
    let port = host.rsplit_once(':').unwrap().1;
    let base = format!("http://127.0.0.1:{port}/v2/{repository}");
    let digest = build.digest.as_ref().unwrap();
    let types = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";
    let manifest = http.get(format!("{base}/manifests/{digest}")).header("accept", types);
    let manifest: serde_json::Value =
        serde_json::from_str(&manifest.send().await.unwrap().text().await.unwrap()).unwrap();
    let layer = manifest["layers"].as_array().unwrap().last().unwrap()["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    let blob = http
        .get(format!("{base}/blobs/{layer}"))
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("layer"), &blob).unwrap();
    let unpacked = Command::new("tar")
        .arg("-C")
        .arg(folder.path())
        .args(["-xzf"])
        .arg(folder.path().join("layer"))
        .status();
    assert!(unpacked.unwrap().success());
    folder
}

async fn assert_holds(build: &BuildView, tree: &Tree, what: &str) {
    assert_eq!(build.status, BuildStatus::Succeeded, "{what}: {}", build.message);
    let layer = layer(build).await;
    let mut held = Tree::new();
    read(&layer.path().join("c"), "", &mut held);
    held.remove("Dockerfile");
    assert_eq!(&held, tree, "{what}");
}

/// A folder as a tar stream with whole seconds, as clients made it before.
fn tar_of(folder: &Path) -> Vec<u8> {
    let mut archive = tar::Builder::new(vec![]);
    archive.append_dir_all(".", folder).unwrap();
    archive.into_inner().unwrap()
}

fn stream(bytes: Vec<u8>) -> ContextBody {
    ContextBody::new(futures::stream::iter([Ok(bytes::Bytes::from(bytes))]))
}

struct Rig {
    console: Console,
    worker: String,
    cli: Cli,
    token: String,
    folder: tempfile::TempDir,
}

impl Rig {
    async fn start() -> Self {
        let console = Console::start().await;
        let worker = console.worker(&console.admin, &builder_worker("Small")).await.name;
        let token = console.token("admin", ADMIN_PASSWORD).await.expose().to_owned();
        let cli = Cli::login_with(&console, "admin", ADMIN_PASSWORD);
        let folder = tempfile::tempdir().unwrap();
        Self {
            console,
            worker,
            cli,
            token,
            folder,
        }
    }

    fn request(&self, repository: &str) -> BuildRequest {
        BuildRequest {
            name: format!("{}/{}/{repository}", http_registry(), self.console.instance),
            registry_credentials: vec![],
            insecure_registry: true,
            ..self.console.build_request(&self.worker, repository, "1")
        }
    }

    async fn built(&self, request: BuildRequest) -> BuildView {
        let admin = &self.console.admin;
        let build = admin
            .build_create(&request)
            .await
            .unwrap_or_else(|error| panic!("{error:?}"));
        self.console.build_end(admin, build.number).await
    }

    /// `prtcli build`.
    async fn by_cli(&self, folder: &Path) -> BuildView {
        let tag = format!("{}:1", self.request("cli").name);
        let folder = folder.to_str().unwrap();
        let args = [
            "build",
            folder,
            "-t",
            &tag,
            "-w",
            &self.worker,
            "--push",
            "--insecure-registry",
            "--progress",
            "plain",
        ];
        let output = self.cli.run(&args, "");
        assert!(output.status.success(), "{output:?}");
        let builds = self.console.admin.builds(None, None, None, None).await.unwrap();
        self.console.admin.build(builds[0].number).await.unwrap()
    }

    /// A tar stream that becomes a context.
    async fn by_archive(&self, folder: &Path) -> BuildView {
        let context = self.put(tar_of(folder)).await;
        let request = BuildRequest {
            context_id: context.id,
            ..self.request("archive")
        };
        self.built(request).await
    }

    async fn put(&self, tar: Vec<u8>) -> ContextView {
        let url = format!("{}/api/v1/workers/{}/contexts", self.console.url, self.worker);
        let put = http().put(url).bearer_auth(&self.token).body(tar);
        let answer = put.send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{answer}"))
    }

    /// A tar stream into a folder of the build folder.
    async fn by_build_folder(&self, folder: &Path) -> BuildView {
        let put = self
            .console
            .admin
            .worker_put_context(&self.worker, "pair", stream(tar_of(folder)));
        put.await.unwrap();
        let request = BuildRequest {
            context: "pair".into(),
            ..self.request("folder")
        };
        self.built(request).await
    }

    /// Files that a notebook writes into the build folder.
    async fn by_hand(&self, folder: &Path) -> BuildView {
        docker(&[
            "exec",
            "-u",
            "1000",
            &self.primary(),
            "sh",
            "-c",
            "rm -rf ~/build/hand && mkdir -p ~/build/hand",
        ]);
        let unpack = [
            "exec",
            "-i",
            "-u",
            "1000",
            &self.primary(),
            "tar",
            "-x",
            "-C",
            "/home/ubuntu/build/hand",
        ]
        .map(str::to_owned);
        let mut tar = Command::new("docker")
            .args(unpack)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        tar.stdin.take().unwrap().write_all(&tar_of(folder)).unwrap();
        assert!(tar.wait().unwrap().success());
        let request = BuildRequest {
            context: "hand".into(),
            ..self.request("hand")
        };
        self.built(request).await
    }

    fn primary(&self) -> String {
        let label = format!("label=io.prt-console.instance={}", self.console.instance);
        let names = docker(&["ps", "--filter", &label, "--format", "{{.Names}}"]);
        names
            .lines()
            .find(|name| name.ends_with("-primary"))
            .unwrap()
            .to_owned()
    }

    /// A folder that is chosen in the form.
    async fn by_form(&self, folder: &Path) -> BuildView {
        let mut tree = Tree::new();
        read(folder, "", &mut tree);
        let request = self.request("form");
        let mut form = multipart::Form::new()
            .text("worker", self.worker.clone())
            .text("dockerfile_text", "");
        for (path, content) in tree {
            form = form.part(
                "folder",
                multipart::Part::text(content).file_name(format!("chosen/{path}")),
            );
        }
        let form = form
            .text("name", request.name)
            .text("tag", "1")
            .text("push_image", "true")
            .text("insecure_registry", "true");
        let post = http()
            .post(format!("{}/_fn/start_build", self.console.url))
            .bearer_auth(&self.token)
            .header("accept", "application/json")
            .multipart(form);
        let answer = post.send().await.unwrap().text().await.unwrap();
        let number = answer.parse().unwrap_or_else(|_| panic!("{answer}"));
        self.console.build_end(&self.console.admin, number).await
    }
}

/// `PRT_PAIRS` sets how many; the run with 1,000 takes half an hour.
#[tokio::test]
async fn an_image_holds_exactly_the_files_of_its_folder() {
    let pairs = std::env::var("PRT_PAIRS")
        .ok()
        .and_then(|pairs| pairs.parse().ok())
        .unwrap_or(30);
    let rig = Rig::start().await;
    let folder = rig.folder.path().join("tree");
    for number in 0..pairs {
        let mut random = Random(number);
        let (first, second, constant) = pair(&mut random);
        for (which, tree) in [("first", &first), ("second", &second)] {
            write(&folder, tree, constant);
            let (entry, build) = match number % 5 {
                0 => ("prtcli", rig.by_cli(&folder).await),
                1 => ("archive", rig.by_archive(&folder).await),
                2 => ("build folder", rig.by_build_folder(&folder).await),
                3 => ("by hand", rig.by_hand(&folder).await),
                _ => ("form", rig.by_form(&folder).await),
            };
            assert_holds(&build, tree, &format!("pair {number}, {which}, {entry}")).await;
        }
    }
    writeln!(std::io::stdout(), "{pairs} pairs built to exactly their content").unwrap();
}

#[tokio::test]
async fn a_context_is_sent_once_and_is_never_part_of_another() {
    let rig = Rig::start().await;
    let folder = rig.folder.path().join("tree");
    let tree: Tree = [("settings.env", "SECRET=1"), ("a/b", "x")]
        .map(|(path, content)| (path.to_owned(), content.to_owned()))
        .into();
    write(&folder, &tree, false);
    fs::set_permissions(folder.join("settings.env"), fs::Permissions::from_mode(0o4711)).unwrap();
    fs::hard_link(folder.join("a/b"), folder.join("a/c")).unwrap();
    symlink("../settings.env", folder.join("a/d")).unwrap();
    let args = |extra: &'static str| {
        let tag = format!("{}:1", rig.request("once").name);
        let words = [
            "build",
            folder.to_str().unwrap(),
            "-t",
            &tag,
            "-w",
            &rig.worker,
            "--push",
            "--insecure-registry",
            "--progress",
            "plain",
            extra,
        ];
        words.map(str::to_owned)
    };
    let run = |extra| {
        let args = args(extra);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = rig.cli.run(&args, "");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(run("--no-cache").contains("sending 3"), "each content once");
    assert!(run("--no-cache").contains("nothing to send"));
    fs::write(folder.join("a/b"), "y").unwrap();
    assert!(run("--no-cache").contains("sending 1 "));
    let builds = rig.console.admin.builds(None, None, None, None).await.unwrap();
    let build = rig.console.admin.build(builds[0].number).await.unwrap();
    let held = layer(&build).await;
    let mode = fs::metadata(held.path().join("c/settings.env"))
        .unwrap()
        .permissions()
        .mode();
    // BuildKit drops the setuid bit; the log says so.
    assert_eq!(mode & 0o7777, 0o711);
    let records = rig
        .console
        .admin
        .build_records(build.number, 0, Some(1000))
        .await
        .unwrap();
    let said = serde_json::to_string(&records).unwrap();
    assert!(said.contains("setuid") && said.contains("settings.env"), "{said}");
    use std::os::unix::fs::MetadataExt as _;
    let inode = |name: &str| fs::metadata(held.path().join(name)).unwrap().ino();
    assert_eq!(inode("c/a/b"), inode("c/a/c"), "hard links stay");
    assert_eq!(
        fs::read_link(held.path().join("c/a/d")).unwrap(),
        Path::new("../settings.env")
    );

    // Nothing of it is in the build folder, nor in an image of the build folder.
    assert_eq!(
        sh(&rig.console.admin, &rig.worker, "ls -A ~/build | grep -v build.log")
            .await
            .stdout,
        ""
    );
    rig.console
        .dockerfile(&rig.console.admin, &rig.worker, DOCKERFILE)
        .await;
    let build = rig.built(rig.request("own")).await;
    assert_holds(&build, &Tree::new(), "the build folder").await;

    // The same context can be built again, for as long as the builder has it.
    let again = rig
        .console
        .admin
        .build_rerun(builds[0].number, &prt_types::builds::RerunRequest::default())
        .await
        .unwrap();
    let again = rig.console.build_end(&rig.console.admin, again.number).await;
    assert_eq!(again.status, BuildStatus::Succeeded, "{}", again.message);
    let gone = BuildRequest {
        context_id: "0".repeat(64),
        ..rig.request("gone")
    };
    let refused = rig.console.admin.build_create(&gone).await.unwrap_err().to_string();
    assert!(refused.contains("uploaded context"), "{refused}");
}

#[tokio::test]
async fn a_context_that_makes_no_sense_is_refused() {
    let rig = Rig::start().await;
    let url = format!("{}/api/v1/workers/{}/contexts", rig.console.url, rig.worker);
    let http = http();
    let offer = async |entries: serde_json::Value| {
        let offer = http
            .post(&url)
            .bearer_auth(&rig.token)
            .header("content-type", "application/json");
        let body = serde_json::json!({ "entries": entries }).to_string();
        let answer = offer.body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let file = |path: &str| serde_json::json!({"path": path, "type": "file", "size": 1, "sha256": "ab".repeat(32)});
    for (entries, words) in [
        (serde_json::json!([file("../x")]), "no path in a context"),
        (serde_json::json!([file("/x")]), "no path in a context"),
        (serde_json::json!([file("a/b")]), "does not come before it"),
        (serde_json::json!([file("a"), file("a")]), "is there twice"),
        (serde_json::json!([{"path": "a", "type": "file"}]), "SHA-256"),
        (
            serde_json::json!([{"path": "a", "type": "hardlink", "target": "b"}]),
            "hard link",
        ),
        (serde_json::json!([{"path": "a", "type": "pipe"}]), "pipe"),
    ] {
        let (status, said) = offer(entries).await;
        assert!((400..500).contains(&status) && said.contains(words), "{status} {said}");
    }
    let put = async |path: &str, body: Vec<u8>| {
        let put = http.put(format!("{url}{path}")).bearer_auth(&rig.token).body(body);
        put.send().await.unwrap().text().await.unwrap()
    };
    let whole = {
        let mut archive = tar::Builder::new(vec![]);
        let mut header = tar::Header::new_gnu();
        header.set_size(1);
        header.set_mode(0o644);
        archive.append_data(&mut header, "a", &b"x"[..]).unwrap();
        archive.into_inner().unwrap()
    };
    for (body, words) in [
        (b"no tar".to_vec(), "not a complete tar archive"),
        (whole[..1024].to_vec(), "not a complete tar archive"),
        ([&whole[..], b"more"].concat(), "not a complete tar archive"),
    ] {
        let said = put("", body).await;
        assert!(said.contains(words), "{said}");
    }
    let said = put(&format!("/{}", "0".repeat(64)), whole.clone()).await;
    assert!(said.contains("no such context"), "{said}");
    // A content that is not what its name says.
    let (status, said) = offer(serde_json::json!([file("a")])).await;
    assert_eq!(status, 200, "{said}");
    let view: ContextView = serde_json::from_str(&said).unwrap();
    let renamed = {
        let mut archive = tar::Builder::new(vec![]);
        let mut header = tar::Header::new_gnu();
        header.set_size(1);
        header.set_mode(0o644);
        archive.append_data(&mut header, "ab".repeat(32), &b"x"[..]).unwrap();
        archive.into_inner().unwrap()
    };
    let said = put(&format!("/{}", view.id), renamed).await;
    assert!(said.contains("changed while it was sent"), "{said}");
}

//! Pulls from a real registry that wants a password.

use std::{
    net::TcpListener,
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex},
};

use bollard::query_parameters::{PushImageOptionsBuilder, RemoveImageOptions, TagImageOptionsBuilder};
use futures::StreamExt as _;
use prt_core::engine::{Engine as _, EngineErrorKind, OnProgress, RegistryLogin};
use prt_types::{Secret, container_images::PullPolicy};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::installation::Installation;

/// Its JSON needs both characters in which the two base64 alphabets differ.
const PASSWORD: &str = "pä~ss>?~~üÿ";
const HTPASSWD: &str = "robot:$2y$05$uw5K8g/HTQSu5Zr0qbgpR.nm10PqfBusTkgpb3IXcsDwfBmf/S8S2\n";

/// Debian's registry; engines speak plain HTTP with 127.0.0.0/8. It ends with the value.
struct Registry {
    host: String,
    _process: Child,
}

impl Registry {
    async fn start(folder: &Path, with_password: bool) -> Self {
        let host = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .to_string();
        let data = folder.join("data");
        let passwords = folder.join("htpasswd");
        std::fs::write(&passwords, HTPASSWD).unwrap();
        let auth = format!("auth: {{htpasswd: {{realm: test, path: {}}}}}\n", passwords.display());
        let settings = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{host}\"}}\n{}",
            data.display(),
            if with_password { auth.as_str() } else { "" }
        );
        let file = folder.join("settings.yml");
        std::fs::write(&file, settings).unwrap();
        let mut process = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the tests need a registry: apt-get install docker-registry");
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut listening = false;
        while !listening {
            let line = lines.next_line().await.unwrap().expect("the registry starts");
            listening = line.contains("listening on");
        }
        // A full pipe would stop it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self {
            host,
            _process: process,
        }
    }
}

#[tokio::test]
async fn pulls_need_the_right_password() {
    Installation::new()
        .await
        .run(async |home| {
            let folder = tempfile::tempdir().unwrap();
            let open = Registry::start(folder.path(), false).await;
            let remove = async |image: &str| home.docker.remove_image(image, None::<RemoveImageOptions>, None).await;
            let source = format!("{}/team/busybox", open.host);
            home.docker
                .tag_image(
                    &home.image,
                    Some(TagImageOptionsBuilder::new().repo(&source).tag("1").build()),
                )
                .await
                .unwrap();
            let mut push = home
                .docker
                .push_image(&source, Some(PushImageOptionsBuilder::new().tag("1").build()), None);
            while let Some(message) = push.next().await {
                message.unwrap();
            }
            // Both names, so that the engine has to fetch it again.
            remove(&format!("{source}:1")).await.unwrap();
            remove(&home.image).await.unwrap();

            let locked = Registry::start(folder.path(), true).await;
            let image = format!("{}/team/busybox:1", locked.host);
            home.images.lock().unwrap().push(image.clone());
            let said = Arc::new(Mutex::new(Vec::new()));
            let listener = said.clone();
            let progress: OnProgress = Arc::new(move |words| listener.lock().unwrap().push(words));
            let login = |password: &str| RegistryLogin {
                host: locked.host.clone(),
                username: "robot".into(),
                password: Secret::new(password),
            };
            let pull = async |image: &str, login: Option<RegistryLogin>| {
                home.engine
                    .ensure_image(image, PullPolicy::Always, login.as_ref(), progress.clone())
                    .await
            };

            let refused = pull(&image, None).await.unwrap_err();
            assert_eq!(refused.kind, EngineErrorKind::PullDenied, "{refused}");
            let refused = pull(&image, Some(login("wrong"))).await.unwrap_err();
            assert_eq!(refused.kind, EngineErrorKind::PullDenied, "{refused}");
            let absent = pull(&format!("{}/team/busybox:2", locked.host), Some(login(PASSWORD)))
                .await
                .unwrap_err();
            assert_eq!(absent.kind, EngineErrorKind::NoSuchImage, "{absent}");
            assert!(said.lock().unwrap().is_empty());

            let pulled = pull(&image, Some(login(PASSWORD))).await.unwrap();
            let digest = pulled.digest.clone().unwrap();
            assert!(digest.starts_with("sha256:"), "{digest}");
            assert!(
                said.lock().unwrap().last().unwrap().starts_with("1 of 1 layers"),
                "{said:?}"
            );

            let known = home
                .engine
                .ensure_image(&image, PullPolicy::Never, None, progress.clone())
                .await
                .unwrap();
            assert_eq!(known, pulled, "the digest is still known without asking the registry");
            let pinned = format!("{}/team/busybox@{digest}", locked.host);
            assert_eq!(pull(&pinned, Some(login(PASSWORD))).await.unwrap(), pulled);
        })
        .await;
}

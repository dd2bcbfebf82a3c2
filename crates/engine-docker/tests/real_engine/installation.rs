//! An installation of its own on the real engine, for one test.

use std::{
    panic::AssertUnwindSafe,
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex},
};

use bollard::{
    Docker, body_full,
    models::ContainerInspectResponse,
    query_parameters::{
        CreateImageOptionsBuilder, InspectContainerOptions, ListNetworksOptionsBuilder, RemoveImageOptions,
    },
};
use futures::{FutureExt as _, StreamExt as _, future::join_all};
use prt_core::{
    clock::new_id,
    engine::{ContainerPlan, Engine as _, Seccomp, SecuritySettings, WorkerPlan},
};
use prt_engine_docker::DockerEngine;
use prt_types::{ids::WorkerId, worker_sizes::Limits};

const HOW_TO_GET_AN_ENGINE: &str =
    "no container engine answers at DOCKER_HOST or /var/run/docker.sock; scripts/setup/docker-engine.sh starts one";

/// An installation of its own on the real engine, with a busybox image.
pub struct Installation {
    pub engine: Arc<DockerEngine>,
    pub docker: Docker,
    pub instance: String,
    pub image: String,
    /// Further images to remove at the end.
    pub images: Mutex<Vec<String>>,
}

impl Installation {
    pub async fn new() -> Self {
        let instance = format!("test-{}-{}", std::process::id(), new_id());
        let docker = match Docker::connect_with_defaults() {
            Ok(docker) => docker
                .negotiate_version()
                .await
                .unwrap_or_else(|e| panic!("{HOW_TO_GET_AN_ENGINE} ({e})")),
            Err(e) => panic!("{HOW_TO_GET_AN_ENGINE} ({e})"),
        };
        let image = import_busybox(&docker, &instance).await;
        let engine = Arc::new(DockerEngine::connect(&instance, None).unwrap());
        Self {
            engine,
            docker,
            instance,
            image,
            images: Mutex::default(),
        }
    }

    /// Runs a test and removes everything afterwards, also when it fails.
    pub async fn run(self, test: impl AsyncFnOnce(&Self)) {
        let result = AssertUnwindSafe(test(&self)).catch_unwind().await;
        let workers = self.engine.list().await.unwrap();
        for stopped in join_all(workers.into_iter().map(|worker| self.engine.stop(worker))).await {
            stopped.unwrap();
        }
        let mut images = std::mem::take(&mut *self.images.lock().unwrap());
        images.push(self.image.clone());
        for image in images {
            // A test may have removed it.
            let _ = self.docker.remove_image(&image, None::<RemoveImageOptions>, None).await;
        }
        let left = self.networks().await;
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
        assert_eq!(left, 0, "the last worker's end removes the network");
    }

    pub async fn networks(&self) -> usize {
        let filters: std::collections::HashMap<String, Vec<String>> = [(
            "label".to_owned(),
            vec![format!("io.prt-console.instance={}", self.instance)],
        )]
        .into();
        let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
        self.docker.list_networks(Some(options)).await.unwrap().len()
    }

    pub fn plan(&self, security: SecuritySettings) -> WorkerPlan {
        WorkerPlan {
            worker_id: WorkerId(new_id()),
            worker_name: "Worker-7".into(),
            owner: "alice".into(),
            primary: ContainerPlan {
                image: self.image.clone(),
                entrypoint: None,
                command: Some(vec![
                    "/bin/sh".into(),
                    "-c".into(),
                    "trap 'exit 0' TERM; sleep 100000 & wait".into(),
                ]),
                env: [].into(),
                limits: Limits {
                    cpu_millis: 900_000,
                    memory_mib: 32,
                    gpus: 0,
                },
                security,
                mounts: vec![],
                tmpfs: vec![],
                files: vec![],
            },
            builder: None,
            extra_hosts: vec![],
        }
    }

    pub async fn inspect(&self, worker: WorkerId) -> ContainerInspectResponse {
        self.docker
            .inspect_container(&format!("prt-{worker}-primary"), None::<InspectContainerOptions>)
            .await
            .unwrap()
    }
}

pub fn security() -> SecuritySettings {
    SecuritySettings {
        privileged: false,
        run_as: None,
        allow_privilege_escalation: true,
        drop_capabilities: vec![],
        add_capabilities: vec![],
        seccomp: Seccomp::RuntimeDefault,
        mask_proc: true,
        read_only_root: false,
    }
}

/// A static busybox with its applets as an image, from the machine's own package: nothing is downloaded.
async fn import_busybox(docker: &Docker, instance: &str) -> String {
    let busybox = ["/bin/busybox", "/usr/bin/busybox"]
        .iter()
        .map(PathBuf::from)
        .find(|path| path.exists());
    let busybox = busybox.expect("the tests need a static busybox: run scripts/setup/system-packages.sh");
    let applets = Command::new(&busybox).arg("--list").output().unwrap().stdout;
    let mut tar = tar::Builder::new(Vec::new());
    let mut entry = |path: &str, kind: tar::EntryType, content: &[u8], mode: u32| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, path, content).unwrap();
    };
    for folder in ["bin/", "etc/", "home/", "root/", "proc/", "sys/", "dev/"] {
        entry(folder, tar::EntryType::Directory, &[], 0o755);
    }
    entry("tmp/", tar::EntryType::Directory, &[], 0o1777);
    entry(
        "etc/passwd",
        tar::EntryType::Regular,
        b"root:x:0:0::/root:/bin/sh\nubuntu:x:1000:1000::/home/ubuntu:/bin/sh\n",
        0o644,
    );
    entry(
        "etc/group",
        tar::EntryType::Regular,
        b"root:x:0:\nubuntu:x:1000:\n",
        0o644,
    );
    entry(
        "bin/busybox",
        tar::EntryType::Regular,
        &std::fs::read(&busybox).unwrap(),
        0o755,
    );
    for applet in String::from_utf8(applets)
        .unwrap()
        .lines()
        .filter(|applet| *applet != "busybox")
    {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, format!("bin/{applet}"), "busybox")
            .unwrap();
    }
    let options = CreateImageOptionsBuilder::new()
        .from_src("-")
        .repo("prt-test/busybox")
        .tag(instance)
        .build();
    let mut imported = docker.create_image(Some(options), Some(body_full(tar.into_inner().unwrap().into())), None);
    while let Some(message) = imported.next().await {
        message.unwrap();
    }
    format!("prt-test/busybox:{instance}")
}

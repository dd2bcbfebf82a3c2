//! A database whose disk fills up: nothing of a refused write counts, reads go on, and writes do as soon as there is space, without
//! a restart. The disk is a small file system in memory, which takes root.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use prt_core::store::{Store, StoreError};
use prt_store::AnyStore;

const MIB: usize = 1 << 20;

struct SmallDisk(PathBuf);

impl SmallDisk {
    fn new(folder: &Path) -> Self {
        let made = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"])
            .arg(folder)
            .output()
            .expect("mount runs");
        assert!(
            made.status.success(),
            "a small file system needs root: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        Self(folder.to_owned())
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Leaves so many bytes free.
    fn fill(&self, leave: usize) {
        let mut file = File::create(self.ballast()).expect("a file");
        let page = [1_u8; 4096];
        let mut written = 0_u64;
        while file.write_all(&page).is_ok() {
            written += page.len() as u64;
        }
        file.set_len(written.saturating_sub(leave as u64)).expect("shorter");
    }

    fn free(&self) {
        fs::remove_file(self.ballast()).expect("removed");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

async fn put(store: &AnyStore, key: &str, value: &str) -> Result<(), StoreError> {
    let mut repo = store.write().await?;
    repo.setting_put(key, value).await?;
    repo.save().await
}

async fn get(store: &AnyStore, key: &str) -> Option<String> {
    let mut repo = store.read().await.expect("read");
    repo.setting(key).await.expect("a setting")
}

#[tokio::test]
async fn writes_go_on_as_soon_as_there_is_space() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = SmallDisk::new(folder.path());
    let store = AnyStore::connect(&format!("sqlite://{}/prt.db", folder.path().display()))
        .await
        .expect("connect");
    store.migrate().await.expect("migrate");
    put(&store, "small", "before").await.expect("there is space");

    let mut refused = 0;
    // The disk ends in the middle of a statement (more than the cache holds), at the commit, or just behind it.
    for (size, leave) in [
        (4 * MIB, 0),
        (4 * MIB, MIB),
        (64 << 10, 0),
        (64 << 10, 4096),
        (64 << 10, 40 << 10),
        (64 << 10, 64 << 10),
        (64 << 10, 80 << 10),
    ] {
        let case = format!("{size} bytes into {leave}");
        let value = "x".repeat(size);
        disk.fill(leave);
        // Room that the log beside the database already has is used up first.
        for round in 0..200 {
            match put(&store, "large", &format!("{round}{value}")).await {
                Ok(()) => {}
                Err(StoreError::Full(_)) => {
                    refused += 1;
                    assert_ne!(get(&store, "large").await, Some(format!("{round}{value}")), "{case}");
                    break;
                }
                Err(error) => panic!("{case}: {error:?}"),
            }
        }
        assert_eq!(get(&store, "small").await.as_deref(), Some("before"), "{case}");
        disk.free();
        put(&store, "small", &case)
            .await
            .unwrap_or_else(|error| panic!("{case}: there is space again: {error:?}"));
        assert_eq!(get(&store, "small").await, Some(case));
        store.ping().await.expect("ready again");
        put(&store, "small", "before").await.expect("there is space");
        put(&store, "large", "").await.expect("there is space");
    }
    assert!(refused >= 4, "the disk was full {refused} times only");
    store.close().await;
}

#[tokio::test]
async fn readiness_tries_a_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = SmallDisk::new(folder.path());
    let store = AnyStore::connect(&format!("sqlite://{}/prt.db", folder.path().display()))
        .await
        .expect("connect");
    store.migrate().await.expect("migrate");
    store.ping().await.expect("ready");
    disk.fill(0);
    // The log beside the database is full, too, after as many writes as it had room for.
    let value = "x".repeat(16 << 10);
    while put(&store, "large", &value).await.is_ok() {}
    let mut round = 0;
    let error = loop {
        if let Err(error) = store.ping().await {
            break error;
        }
        round += 1;
        _ = put(&store, "small", &round.to_string()).await;
    };
    assert!(matches!(error, StoreError::Full(_)), "{error:?}");
    get(&store, "small").await;
    disk.free();
    store.ping().await.expect("ready again");
}

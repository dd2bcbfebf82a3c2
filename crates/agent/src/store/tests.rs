//! Contexts that are not used any more, and what a crash leaves.

use std::{fs, path::Path};

use prt_types::contexts::{ContextEntry, ContextEntryType, ContextManifest};

use super::{Store, TREES, folder::Folder};

struct Bed {
    dir: tempfile::TempDir,
    store: Store,
}

impl Bed {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("build")).unwrap();
        let store = Store::open(dir.path().join("store").to_str().unwrap()).unwrap();
        Self { dir, store }
    }

    fn build(&self, content: &str) -> std::path::PathBuf {
        let file = self.dir.path().join("build/a");
        fs::write(&file, content).unwrap();
        // The time is part of a context.
        let times = fs::FileTimes::new().set_modified(std::time::SystemTime::UNIX_EPOCH);
        fs::File::options()
            .append(true)
            .open(&file)
            .unwrap()
            .set_times(times)
            .unwrap();
        let base = self.dir.path().join("build");
        let source = Folder {
            base: base.to_str().unwrap(),
            path: "",
            dockerfile: "Dockerfile",
        };
        let in_use = |tree: &Path| fs::metadata(tree).map(drop);
        self.store.of_folder(&source, &in_use).unwrap().tree
    }

    fn count(&self, name: &str) -> usize {
        fs::read_dir(self.store.at(name)).unwrap().count()
    }
}

#[test]
fn contexts_that_are_not_used_go_and_come_back_whole() {
    let bed = Bed::new();
    let first = bed.build("0");
    for number in 1..=2 * TREES {
        bed.build(&number.to_string());
    }
    assert!(!first.exists());
    assert!(
        bed.count("trees") <= TREES && bed.count("lists") <= TREES,
        "{}",
        bed.count("trees")
    );
    assert_eq!(bed.build("0"), first);
    assert_eq!(fs::read_to_string(first.join("a")).unwrap(), "0");
    bed.store.make_room().unwrap();
    assert_eq!((bed.count("trees"), bed.count("lists")), (0, 0));
    assert_eq!(fs::read_to_string(bed.build("0").join("a")).unwrap(), "0");
}

#[test]
fn what_a_killed_process_was_making_goes() {
    let bed = Bed::new();
    // No process has started before the machine.
    let left = bed.store.at("new").join("1-0-0");
    fs::create_dir(&left).unwrap();
    bed.build("x");
    assert!(!left.exists());
    assert_eq!(bed.count("new"), 0);
}

#[test]
fn contents_without_their_bytes_are_missing() {
    let bed = Bed::new();
    let tree = bed.build("content");
    let file = tree.join("a");
    let entry = |size| ContextEntry {
        path: "b".into(),
        kind: ContextEntryType::File,
        mode: 0o644,
        mtime: 7,
        size,
        sha256: "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73".into(),
        target: String::new(),
    };
    let offer = |size| {
        let entries = vec![entry(size)];
        bed.store.offer(&ContextManifest { entries }).unwrap()
    };
    assert_eq!(offer(7).missing.len(), 0);
    // As after a power cut.
    fs::File::options().write(true).open(file).unwrap().set_len(0).unwrap();
    assert_eq!(
        offer(7).missing.len(),
        0,
        "a context that is made is not looked at again"
    );
    let entries = vec![ContextEntry { mtime: 8, ..entry(7) }];
    let again = bed.store.offer(&ContextManifest { entries }).unwrap();
    assert_eq!((again.missing.len(), again.missing_bytes), (1, 7));
}

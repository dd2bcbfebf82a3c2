//! A folder and a link that leads out take each other's place all the time, and so do a file and such a link.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::{
    super::{list, read, stream, unpack, write},
    Folders, link,
    unpack::archive,
};
use crate::store::StoreError;

const TIMES: usize = 2000;

/// How often something was done, and how often it was refused.
#[derive(Debug, Default)]
struct Count {
    done: usize,
    refused: usize,
}

impl Count {
    fn add<T>(&mut self, result: Result<T, StoreError>) -> Option<T> {
        if let Ok(value) = result {
            self.done += 1;
            Some(value)
        } else {
            self.refused += 1;
            None
        }
    }
}

fn attacked(what: impl Fn(&Folders, usize, &mut Count)) {
    let folders = Folders::new();
    for (one, other) in [("folder", "folder-link"), ("deep/file", "deep/file-link")] {
        fs::create_dir_all(folders.build.join("deep")).unwrap();
        if one == "folder" {
            fs::create_dir(folders.build.join(one)).unwrap();
            fs::write(folders.build.join("folder/secret"), "mine").unwrap();
            link("../outside", folders.build.join(other));
        } else {
            fs::write(folders.build.join(one), "mine").unwrap();
            link(folders.outside.join("secret"), folders.build.join(other));
        }
    }
    let (stop, swapped) = (AtomicBool::new(false), AtomicUsize::new(0));
    let swap = |one: &str, other: &str| {
        let (one, other) = (folders.build.join(one), folders.build.join(other));
        let exchange = |a: &Path, b: &Path| renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE);
        if exchange(&one, &other).is_ok() {
            swapped.fetch_add(1, Ordering::Relaxed);
        }
    };
    let mut count = Count::default();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                swap("folder", "folder-link");
                swap("deep/file", "deep/file-link");
            }
        });
        for time in 0..TIMES {
            what(&folders, time, &mut count);
        }
        stop.store(true, Ordering::Relaxed);
    });
    folders.assert_untouched();
    // The attack took place, and was met on both sides.
    assert!(swapped.load(Ordering::Relaxed) > TIMES / 10, "{swapped:?}");
    assert!(count.done > 0 && count.refused > 0, "{count:?}");
    assert!(folders.names("").iter().all(|name| !name.starts_with(".prt-upload-")));
}

#[test]
fn no_race_reads_what_is_outside() {
    attacked(|folders, _, count| {
        for path in ["folder/secret", "folder-link/secret", "deep/file", "deep/file-link"] {
            if let Some(content) = count.add(read(folders.build(), path, 1000)) {
                assert_eq!(content, b"mine", "{path}");
            }
        }
        let listed = list(folders.build()).unwrap();
        assert!(listed.iter().all(|file| file.size == 4), "{listed:?}");
    });
}

#[test]
fn no_race_writes_what_is_outside() {
    attacked(|folders, time, count| {
        count.add(write(folders.build(), "folder/secret", None, &b"mine"[..]));
        count.add(write(
            folders.build(),
            &format!("folder/new/{}", time % 7),
            None,
            &b"mine"[..],
        ));
        count.add(stream(folders.build(), "folder/secret", &b"mine"[..]));
    });
}

#[test]
fn no_race_unpacks_to_the_outside() {
    let tar = archive(&[("secret", 0o644, "mine"), ("new/a", 0o644, "mine")]);
    attacked(|folders, time, count| {
        count.add(unpack(folders.build(), "folder", false, &tar[..]));
        count.add(unpack(folders.build(), &format!("folder/{}", time % 7), true, &tar[..]));
    });
}

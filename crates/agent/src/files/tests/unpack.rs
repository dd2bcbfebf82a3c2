use std::{fs, os::unix::fs::MetadataExt as _};

use super::{
    super::{open, scratch::Scratch, unpack, write},
    Folders, link, mode, set_mode,
};

/// A tar archive of files, folders (`name/`), links (`name -> target`) and hard links (`name = target`).
pub fn archive(entries: &[(&str, u32, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, mode, text) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_mode(*mode);
        header.set_mtime(1_000_000_000);
        header.set_size(0);
        let linked = [(" -> ", tar::EntryType::Symlink), (" = ", tar::EntryType::Link)]
            .into_iter()
            .find_map(|(sign, kind)| path.split_once(sign).map(|(name, target)| (name, target, kind)));
        if let Some((name, target, kind)) = linked {
            header.set_entry_type(kind);
            archive.append_link(&mut header, name, target).unwrap();
            continue;
        }
        if path.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
        }
        header.set_size(text.len() as u64);
        archive.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap()
}

fn merge(folders: &Folders, entries: &[(&str, u32, &str)]) -> Result<(), String> {
    unpack(folders.build(), "", false, &archive(entries)[..]).map_err(|error| error.to_string())
}

fn replace(folders: &Folders, path: &str, entries: &[(&str, u32, &str)]) -> Result<(), String> {
    unpack(folders.build(), path, true, &archive(entries)[..]).map_err(|error| error.to_string())
}

#[test]
fn modes_times_and_links_are_kept() {
    let folders = Folders::new();
    let entries = [
        ("bin/", 0o555, ""),
        ("bin/tool", 0o4755, "tool"),
        ("bin/same = bin/tool", 0, ""),
        ("bin/open", 0o666, "open"),
        ("secret -> /run/prt/token", 0, ""),
        ("up -> ../../x", 0, ""),
    ];
    for place in ["new", "new", "deep/new"] {
        replace(&folders, place, &entries).unwrap();
        let at = folders.build.join(place);
        assert_eq!(mode(at.join("bin")), 0o555);
        assert_eq!(mode(at.join("bin/tool")), 0o4755);
        assert_eq!(mode(at.join("bin/open")), 0o666);
        let inode = |name: &str| fs::symlink_metadata(at.join(name)).unwrap().ino();
        assert_eq!(inode("bin/tool"), inode("bin/same"));
        assert_eq!(
            fs::read_link(at.join("secret")).unwrap().to_str(),
            Some("/run/prt/token")
        );
        assert_eq!(fs::read_link(at.join("up")).unwrap().to_str(), Some("../../x"));
        for name in ["bin", "bin/tool", "secret"] {
            assert_eq!(
                fs::symlink_metadata(at.join(name)).unwrap().mtime(),
                1_000_000_000,
                "{name}"
            );
        }
    }
    assert_eq!(folders.names(""), ["deep", "new"]);
    merge(&folders, &entries).unwrap();
    assert_eq!(mode(folders.build.join("bin")), 0o555);
    assert_eq!(mode(folders.build.join("bin/tool")), 0o4755);
    // Read-only: the folder is not changed, and none of the files come.
    if !rustix::process::geteuid().is_root() {
        assert!(merge(&folders, &entries).unwrap_err().contains("Permission denied"));
    }
    for place in ["bin", "new/bin", "deep/new/bin"] {
        set_mode(folders.build.join(place), 0o755);
    }
}

#[test]
fn an_archive_writes_nothing_through_its_own_links() {
    let folders = Folders::new();
    let outside = folders.outside.to_str().unwrap().to_owned();
    for target in [outside.as_str(), "../../outside", "../outside", "/proc/self"] {
        let through = [(&*format!("out -> {target}"), 0, ""), ("out/secret", 0o644, "x")];
        assert!(merge(&folders, &through).is_err(), "{target}");
        assert!(replace(&folders, "place", &through).is_err(), "{target}");
        let hard = [(&*format!("out -> {target}"), 0, ""), ("copy = out/secret", 0, "")];
        assert!(merge(&folders, &hard).is_err(), "{target}");
    }
    let mut raw = archive(&[("evilevil/secret", 0o644, "x")]);
    let cases: [&[u8]; 3] = [b"/tmp/prt/secret", b"../../../secret", b"evil/../../ret"];
    for name in cases {
        raw[..name.len()].copy_from_slice(name);
        let sum: u32 = raw[..512]
            .iter()
            .enumerate()
            .map(
                |(at, byte)| {
                    if (148..156).contains(&at) { 32 } else { u32::from(*byte) }
                },
            )
            .sum();
        raw[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let error = unpack(folders.build(), "", false, &raw[..]).unwrap_err().to_string();
        assert!(error.contains("absolute or leads out"), "{error}");
    }
    assert_eq!(folders.names(""), Vec::<String>::new());

    // The links that it left lead nowhere for the next one either.
    merge(&folders, &[("out -> ../outside", 0, ""), ("in/", 0o755, "")]).unwrap();
    for path in ["out/secret", "out/new", "out/new/x"] {
        let error = merge(&folders, &[("a", 0o644, "x"), (path, 0o644, "x")]).unwrap_err();
        assert!(error.contains("leads out"), "{path}: {error}");
    }
    assert!(
        replace(&folders, "out/secret", &[("a", 0o644, "x")])
            .unwrap_err()
            .contains("leads out")
    );
    assert!(unpack(folders.build(), "out", false, &archive(&[("a", 0o644, "x")])[..]).is_err());
    assert_eq!(folders.names(""), ["in", "out"]);
    // The link itself can be replaced.
    replace(&folders, "out", &[("a", 0o644, "x")]).unwrap();
    assert_eq!(folders.text("out/a"), "x");
    folders.assert_untouched();
}

#[test]
fn files_come_among_those_that_are_there_or_none_does() {
    let folders = Folders::new();
    for (path, text) in [("a", "old"), ("sub/b", "old"), ("sub/c", "old"), ("q3/x", "old")] {
        write(folders.build(), path, None, text.as_bytes()).unwrap();
    }
    link("sub", folders.build.join("inner"));
    link("nothing", folders.build.join("dangling"));
    for (wrong, words) in [
        ("q3", "q3 is a folder"),
        ("a/x", "a is not a folder"),
        ("dangling/x", "dangling is not a folder"),
        (".prt-upload-mine", "a name of an upload"),
    ] {
        let error = merge(
            &folders,
            &[("a", 0o644, "new"), ("z", 0o644, "new"), (wrong, 0o644, "new")],
        );
        let error = error.unwrap_err();
        // A file cannot be twice what it is.
        assert!(error.contains(words) || wrong == "a/x", "{error}");
        assert_eq!(folders.text("a"), "old");
        assert_eq!(folders.names(""), ["a", "dangling", "inner", "q3", "sub"]);
    }
    merge(
        &folders,
        &[
            ("a", 0o755, "new"),
            ("sub/b", 0o644, "new"),
            ("new/er/d", 0o600, "new"),
            ("inner/e", 0o644, "new"),
        ],
    )
    .unwrap();
    assert_eq!(folders.names("sub"), ["b", "c", "e"]);
    assert_eq!(
        (folders.text("sub/b").as_str(), folders.text("sub/c").as_str()),
        ("new", "old")
    );
    assert_eq!(
        (mode(folders.build.join("a")), mode(folders.build.join("new/er/d"))),
        (0o755, 0o600)
    );
    let path = unpack(
        folders.build(),
        "made/for/it",
        false,
        &archive(&[("x", 0o644, "x")])[..],
    );
    path.unwrap();
    assert_eq!(folders.text("made/for/it/x"), "x");
}

#[test]
fn the_last_of_two_entries_counts() {
    let folders = Folders::new();
    let entries = [
        ("a", 0o644, "one"),
        ("a -> ../outside/secret", 0, ""),
        ("a", 0o644, "two"),
        ("sub/", 0o755, ""),
        ("sub/", 0o700, ""),
    ];
    merge(&folders, &entries).unwrap();
    assert_eq!(folders.text("a"), "two");
    folders.assert_untouched();
    assert!(
        merge(&folders, &[("x/y", 0o644, ""), ("x", 0o644, "")])
            .unwrap_err()
            .contains("x is a folder")
    );
}

#[test]
fn a_folder_that_nobody_may_write_to_is_replaced_and_what_it_held_elsewhere_stays() {
    let folders = Folders::new();
    let kept = folders.build.join("kept");
    fs::write(&kept, "kept").unwrap();
    set_mode(&kept, 0o444);
    for place in ["ro", "deep/ro"] {
        fs::create_dir_all(folders.build.join(place).join("dir")).unwrap();
        fs::hard_link(&kept, folders.build.join(place).join("dir/kept")).unwrap();
        for folder in [format!("{place}/dir"), place.to_owned()] {
            set_mode(folders.build.join(folder), 0o500);
        }
        replace(&folders, place, &[("a", 0o644, "a")]).unwrap();
        assert_eq!(folders.names(place), ["a"]);
    }
    assert_eq!(mode(&kept), 0o444);
    fs::write(folders.build.join("file"), "").unwrap();
    replace(&folders, "file", &[("a", 0o644, "a")]).unwrap();
    assert_eq!(folders.text("file/a"), "a");
    let error = replace(&folders, "kept/x", &[("a", 0o644, "a")]).unwrap_err();
    assert_eq!(error, "a part of kept/x is not a folder");
}

#[test]
fn only_what_a_living_process_uploads_is_left_alone() {
    let folders = Folders::new();
    let root = open(folders.build()).unwrap();
    let (file, _) = Scratch::file(&root).unwrap();
    let (folder, _) = Scratch::folder(&root).unwrap();
    for dead in ["dir/below", "empty"] {
        fs::create_dir_all(folders.build.join(".prt-upload-dead").join(dead)).unwrap();
    }
    set_mode(folders.build.join(".prt-upload-dead/dir"), 0o555);
    set_mode(folders.build.join(".prt-upload-dead/empty"), 0);
    fs::write(folders.build.join(".prt-upload-file"), "").unwrap();
    link(&folders.outside, folders.build.join(".prt-upload-link"));
    write(folders.build(), "x", None, &b"x"[..]).unwrap();
    let mut living = [file.name.clone(), folder.name.clone()];
    living.sort();
    assert_eq!(folders.names(""), [&living[..], &["x".to_owned()]].concat());
    drop((file, folder));
    assert_eq!(folders.names(""), ["x"]);
    folders.assert_untouched();
}

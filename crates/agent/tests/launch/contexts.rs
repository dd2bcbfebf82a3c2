//! A build reads a folder that nobody changes, with exactly the files of its context.

use std::{
    fs::{self, File, FileTimes},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::SystemTime,
};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::builder::{Builder, err, out};

/// Prints the files of the context with their contents.
const SHOW: &str = r"find . ! -name . | LC_ALL=C sort >&2; cat a >&2";

fn forget(builder: &Builder) {
    fs::remove_dir_all(builder.path("spool")).unwrap();
}

fn constant(path: &str) {
    let times = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
    File::options()
        .append(true)
        .open(path)
        .unwrap()
        .set_times(times)
        .unwrap();
}

#[test]
fn equal_sizes_and_times_with_other_contents_look_different() {
    let builder = Builder::new(r"stat -c '%n %s %y' a >&2; cat a >&2");
    let mut seen = vec![];
    for content in ["one", "two", "six", "one"] {
        fs::write(builder.path("build/a"), content).unwrap();
        constant(&builder.path("build/a"));
        let text = out(&builder.run(&builder.request()));
        assert!(
            text.starts_with("a 3 1970-01-01 00:00:00.") && text.ends_with(content),
            "{text}"
        );
        seen.push(text);
        forget(&builder);
    }
    assert_eq!(seen[0], seen[3], "and equal ones look equal");
    seen.pop();
    let before = seen.len();
    seen.dedup();
    assert_eq!(seen.len(), before);
}

#[test]
fn the_ignore_file_and_the_consoles_own_files_count() {
    let builder = Builder::new(SHOW);
    for (path, text) in [
        ("a", "A"),
        ("build.log", "log"),
        (".prt-upload-1", ""),
        ("sub/build.log", "theirs"),
        ("big/x", ""),
        ("big/keep", ""),
    ] {
        let path = builder.path(&format!("build/{path}"));
        fs::create_dir_all(Path::new(&path).parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::write(builder.path("build/.dockerignore"), "big\n!big/keep\ndocker\n").unwrap();
    let output = builder.run(&builder.request());
    assert_eq!(
        out(&output),
        "./.dockerignore\n./a\n./big\n./big/keep\n./sub\n./sub/build.log\nA",
        "{}",
        err(&output)
    );
}

#[test]
fn modes_links_and_times_are_kept() {
    let builder = Builder::new(r"stat -c '%n %a %h %Y %N' a b c d e d/f >&2");
    fs::write(builder.path("build/a"), "same").unwrap();
    fs::write(builder.path("build/b"), "same").unwrap();
    fs::hard_link(builder.path("build/a"), builder.path("build/c")).unwrap();
    fs::create_dir(builder.path("build/d")).unwrap();
    fs::write(builder.path("build/d/f"), "x").unwrap();
    symlink("../nowhere", builder.path("build/e")).unwrap();
    for name in ["a", "b", "d/f"] {
        constant(&builder.path(&format!("build/{name}")));
    }
    for (name, mode) in [("a", 0o4755), ("b", 0o4755), ("d/f", 0o400), ("d", 0o1555)] {
        fs::set_permissions(builder.path(&format!("build/{name}")), fs::Permissions::from_mode(mode)).unwrap();
    }
    let time = |name: &str| {
        fs::symlink_metadata(builder.path(&format!("build/{name}")))
            .unwrap()
            .mtime()
    };
    let (folder, link) = (time("d"), time("e"));
    let text = out(&builder.run(&builder.request()));
    fs::set_permissions(builder.path("build/d"), fs::Permissions::from_mode(0o755)).unwrap();
    let (warning, text) = text.split_once('\n').unwrap();
    assert!(
        warning.contains("\"warnings\":"),
        "BuildKit would drop the setuid bit without a word: {warning}"
    );
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(' ').collect()).collect();
    let field = |at: usize, field: usize| lines[at][field].to_owned();
    assert_eq!(
        (field(0, 1), field(1, 1), field(3, 1), field(5, 1)),
        ("4755".into(), "4755".into(), "1555".into(), "400".into())
    );
    assert_eq!(
        (field(0, 3), field(3, 3), field(4, 3)),
        ("0".into(), folder.to_string(), link.to_string())
    );
    assert!(text.contains("'e' -> '../nowhere'"), "{text}");
    // a and c are one file; b only looks like it. Each has one more name among the contents.
    assert_eq!(
        (field(0, 2), field(1, 2), field(2, 2)),
        ("3".into(), "2".into(), "3".into())
    );
}

#[test]
fn a_folder_that_is_swapped_while_it_is_read_gives_nothing_away() {
    let builder = Builder::new(r"grep -r canary . >&2; exit 0");
    let secret = builder.path("secret");
    fs::create_dir_all(&secret).unwrap();
    fs::write(format!("{secret}/x"), "canary").unwrap();
    fs::create_dir(builder.path("build/d")).unwrap();
    fs::write(builder.path("build/d/x"), "plain").unwrap();
    symlink(&secret, builder.path("build/l")).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (a, b) = (builder.path("build/d"), builder.path("build/l"));
            while !done.load(Ordering::Relaxed) {
                renameat_with(CWD, &a, CWD, &b, RenameFlags::EXCHANGE).unwrap();
            }
        });
        for round in 0..60 {
            // A race that is lost ends the build with words; it never reads what the link leads to.
            let output = builder.run(&builder.request());
            let at = builder.request_of(if round % 2 == 0 { "d" } else { "l" });
            forget(&builder);
            let within = builder.run(&at);
            _ = fs::remove_dir_all(builder.path("spool"));
            for output in [output, within] {
                assert!(!out(&output).contains("canary"), "{}", out(&output));
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}

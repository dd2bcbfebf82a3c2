//! What the container uses. It sees its own control group at the usual place.

use std::{fs, path::Path};

use prt_agent_protocol::{DiskFigures, Figures};
use rustix::fs::statvfs;

const CGROUP: &str = "/sys/fs/cgroup";
/// A limit beyond this is none: the kernel writes the largest number of pages.
const NO_LIMIT: u64 = 1 << 60;

/// Everything that can be read.
pub fn figures(folders: Vec<String>) -> Figures {
    Figures {
        disks: folders.into_iter().filter_map(disk).collect(),
        ..control_group(Path::new(CGROUP))
    }
}

fn disk(folder: String) -> Option<DiskFigures> {
    let there = statvfs(folder.as_str()).ok()?;
    Some(DiskFigures {
        folder,
        free_bytes: there.f_bavail.saturating_mul(there.f_frsize),
        total_bytes: there.f_blocks.saturating_mul(there.f_frsize),
    })
}

/// Version 2 of control groups has all in one folder, version 1 a folder for each controller.
fn control_group(root: &Path) -> Figures {
    let number = |file: &str| fs::read_to_string(root.join(file)).ok()?.trim().parse::<u64>().ok();
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(root.join(file)).ok()?;
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        value.trim().parse::<u64>().ok()
    };
    let limit = |limit: Option<u64>| limit.filter(|bytes| *bytes < NO_LIMIT);
    let used = |all: Option<u64>, cache: Option<u64>| Some(all?.saturating_sub(cache.unwrap_or(0)));
    if root.join("cgroup.controllers").exists() {
        Figures {
            cpu_usec: field("cpu.stat", "usage_usec"),
            memory_bytes: used(number("memory.current"), field("memory.stat", "inactive_file")),
            memory_limit_bytes: limit(number("memory.max")),
            oom_kills: field("memory.events", "oom_kill"),
            disks: vec![],
        }
    } else {
        Figures {
            cpu_usec: number("cpuacct/cpuacct.usage").map(|nanoseconds| nanoseconds / 1000),
            memory_bytes: used(
                number("memory/memory.usage_in_bytes"),
                field("memory/memory.stat", "total_inactive_file"),
            ),
            memory_limit_bytes: limit(number("memory/memory.limit_in_bytes")),
            oom_kills: field("memory/memory.oom_control", "oom_kill"),
            disks: vec![],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(files: &[(&str, &str)]) -> Figures {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        control_group(root.path())
    }

    #[test]
    fn both_versions_of_control_groups() {
        let two = group(&[
            ("cgroup.controllers", "cpu memory\n"),
            ("cpu.stat", "usage_usec 1500\nuser_usec 1000\n"),
            ("memory.current", "1000\n"),
            ("memory.stat", "anon 1\ninactive_file 300\n"),
            ("memory.max", "max\n"),
            ("memory.events", "oom 2\noom_kill 1\n"),
        ]);
        let expected = Figures {
            cpu_usec: Some(1500),
            memory_bytes: Some(700),
            memory_limit_bytes: None,
            oom_kills: Some(1),
            disks: vec![],
        };
        assert_eq!(two, expected);
        let one = group(&[
            ("cpuacct/cpuacct.usage", "1500000\n"),
            ("memory/memory.usage_in_bytes", "1000\n"),
            ("memory/memory.stat", "inactive_file 1\ntotal_inactive_file 300\n"),
            ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
            (
                "memory/memory.oom_control",
                "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
            ),
        ]);
        assert_eq!(one, expected);
        assert_eq!(group(&[]), Figures::default());
    }

    #[test]
    fn a_folder_that_is_not_there_has_no_figures() {
        let found = figures(vec!["/".into(), "/no/such/folder".into()]);
        assert_eq!(found.disks.len(), 1);
        assert!(found.disks[0].total_bytes >= found.disks[0].free_bytes);
    }
}

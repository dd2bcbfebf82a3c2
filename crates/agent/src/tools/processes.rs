//! The processes of the container.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::Path,
};

use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process},
};

use crate::facts;

/// Prints a line for each process but this one.
pub fn list() -> io::Result<()> {
    let proc = Path::new("/proc");
    let uptime: f64 = first_number(&fs::read_to_string("/proc/uptime")?);
    let memory: f64 = fs::read_to_string("/proc/meminfo")?
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .map_or(0.0, first_number);
    let mut ids: Vec<u32> = fs::read_dir(proc)?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|id| *id != std::process::id())
        .collect();
    ids.sort_unstable();
    let mut table = String::new();
    for id in ids {
        // One may have ended meanwhile.
        if let Some(line) = line(&proc.join(id.to_string()), id, uptime, memory) {
            _ = writeln!(table, "{line}");
        }
    }
    print(&table)
}

fn first_number(text: &str) -> f64 {
    text.split_whitespace()
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap_or(0.0)
}

/// `memory` in KiB.
fn line(process: &Path, id: u32, uptime: f64, memory: f64) -> Option<String> {
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    let (head, rest) = stat.rsplit_once(") ")?;
    // Numbered as in proc_pid_stat(5), without the first two.
    let fields: Vec<&str> = rest.split(' ').collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
    let parent = fields.get(1)?;
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let used = (number(14)? + number(15)?) / ticks;
    let seconds = (uptime - number(22)? / ticks).max(0.0);
    let resident = number(24)? * rustix::param::page_size() as f64 / 1024.0;
    let percent = |part: f64, whole: f64| if whole > 0.0 { 100.0 * part / whole } else { 0.0 };
    let command = fs::read(process.join("cmdline")).ok()?;
    let words: Vec<_> = command.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    let command = words.join(" ").replace('\n', " ");
    // A zombie or a thread of the kernel has only a name.
    let command = match command.trim_end() {
        "" => format!("[{}]", head.split_once('(').map_or("", |(_, name)| name)),
        command => command.to_owned(),
    };
    let uid = fs::read_to_string(process.join("status")).ok().and_then(|status| {
        let uid = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        uid.split_whitespace().next()?.parse().ok()
    })?;
    let user = facts::user(uid).map_or_else(|| uid.to_string(), |user| user.name);
    Some(format!(
        "{id} {parent} {user} {:.1} {:.1} {} {command}",
        percent(used, seconds),
        percent(resident, memory),
        seconds as u64
    ))
}

/// Ends processes. Of several, one may have ended meanwhile, or with its parent: that is what was asked for.
pub fn kill(ids: &[&str]) -> io::Result<()> {
    let mut failed = None;
    for id in ids {
        let invalid = || io::Error::other(format!("{id} is no process id above 1"));
        let pid = id
            .parse()
            .ok()
            .filter(|id| *id > 1)
            .and_then(Pid::from_raw)
            .ok_or_else(invalid)?;
        match kill_process(pid, Signal::TERM) {
            Ok(()) => {}
            Err(Errno::SRCH) if ids.len() > 1 => {}
            Err(Errno::SRCH) => return Err(io::Error::other(format!("there is no process {id}"))),
            // The others end all the same.
            Err(error) => failed = Some(format!("process {id} cannot be ended: {error}")),
        }
    }
    failed.map_or(Ok(()), |words| Err(io::Error::other(words)))
}

/// To standard output, where the asker reads it.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use std::{
        io::Read as _,
        process::{Command, Stdio},
    };

    use super::*;

    #[test]
    fn a_process_has_its_columns() {
        // Ends with this test, however that ends.
        let mut command = Command::new("cat");
        let mut child = command
            .arg("-u")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let id = child.id();
        // What it gives back shows that it is the program already.
        child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let shown = line(Path::new(&format!("/proc/{id}")), id, 1e9, 1e6).unwrap();
        let columns: Vec<&str> = shown.splitn(7, ' ').collect();
        assert_eq!(columns[0], id.to_string());
        assert_eq!(columns[1], std::process::id().to_string());
        assert!(
            columns[3].parse::<f64>().is_ok() && columns[5].parse::<u64>().is_ok(),
            "{shown}"
        );
        assert_eq!(columns[6], "cat -u");
        kill(&[&id.to_string()]).unwrap();
        assert!(!child.wait().unwrap().success());
        let error = kill(&[&id.to_string()]).unwrap_err();
        assert_eq!(error.to_string(), format!("there is no process {id}"));
        kill(&[&id.to_string(), &id.to_string()]).unwrap();
        for wrong in ["1", "0", "-1", "x"] {
            assert!(kill(&[wrong]).is_err(), "{wrong}");
        }
    }
}

//! Programs that run in the background.
//!
//! | file of the task's folder | what |
//! |---|---|
//! | `files/` | what was uploaded; the program runs there |
//! | `command` | program and arguments, as JSON |
//! | `process` | the process that waits for the program |
//! | `output` | what the program prints |
//! | `exit` | its exit code |

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

use super::{at, processes::print};
use crate::{
    private::write_whole,
    process::{Process, exit_code},
};

/// Bytes of output that are shown.
const TAIL: i64 = 64 * 1024;

pub fn run(task: &Path, program: &[&str]) -> io::Result<()> {
    write_whole(&task.join("command"), &serde_json::to_vec(program)?).map_err(at(task))?;
    let mut watcher = Command::new("/proc/self/exe")
        .args(["tool", "watch"])
        .arg(task)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    while !task.join("process").exists() {
        if let Some(status) = watcher.try_wait()? {
            return Err(io::Error::other(format!("the task cannot be started: {status}")));
        }
        sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Runs the program to its end, in a session of its own.
pub fn watch(task: &Path) -> io::Result<()> {
    // A process that is not the first of its group may begin a session; a failure only means that it did already.
    _ = rustix::process::setsid();
    let words: Vec<String> = serde_json::from_slice(&fs::read(task.join("command"))?)?;
    let output = File::create(task.join("output"))?;
    let own = Process::of(std::process::id()).ok_or_else(|| io::Error::other("there is no /proc"))?;
    own.write(&task.join("process"))?;
    let (program, arguments) = words.split_first().ok_or_else(|| io::Error::other("no program"))?;
    let ran = Command::new(program)
        .args(arguments)
        .current_dir(task.join("files"))
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?)
        .status();
    let code = match ran {
        Ok(status) => exit_code(status),
        Err(error) => {
            use io::Write as _;
            writeln!(&output, "{program}: {error}")?;
            127
        }
    };
    write_whole(&task.join("exit"), code.to_string().as_bytes())
}

pub fn check(task: &Path) -> io::Result<()> {
    print(&format!("{}\n{}", state(task), tail(&task.join("output"))))
}

fn state(task: &Path) -> String {
    let ended = || fs::read_to_string(task.join("exit")).map(|code| format!("ended {code}"));
    let Some(process) = Process::read(&task.join("process")) else {
        return "none".into();
    };
    // The end may be written between the two looks.
    match ended() {
        Ok(ended) => ended,
        Err(_) if process.runs() => "running".into(),
        Err(_) => ended().unwrap_or_else(|_| "lost".into()),
    }
}

fn tail(output: &Path) -> String {
    let mut bytes = vec![];
    let read = File::open(output).and_then(|mut file| {
        let length = file.metadata()?.len() as i64;
        file.seek(SeekFrom::End(-length.min(TAIL)))?;
        file.read_to_end(&mut bytes)
    });
    String::from_utf8_lossy(if read.is_ok() { &bytes } else { &[] }).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(words: &[&str]) -> tempfile::TempDir {
        let task = tempfile::tempdir().unwrap();
        fs::create_dir(task.path().join("files")).unwrap();
        fs::write(task.path().join("command"), serde_json::to_vec(words).unwrap()).unwrap();
        task
    }

    #[test]
    fn a_task_ends_with_its_code_and_output() {
        for (words, state_after, output) in [
            (&["sh", "-c", "pwd | sed 's|.*/||'; exit 3"][..], "ended 3", "files\n"),
            (&["sh", "-c", "kill -9 $$"], "ended 137", ""),
            (
                &["/no/such/program"],
                "ended 127",
                "/no/such/program: No such file or directory (os error 2)\n",
            ),
        ] {
            let task = task(words);
            watch(task.path()).unwrap();
            assert_eq!(state(task.path()), state_after);
            assert_eq!(tail(&task.path().join("output")), output);
        }
    }

    #[test]
    fn one_that_is_not_there_and_one_that_was_killed() {
        let task = task(&["true"]);
        assert_eq!(state(task.path()), "none");
        fs::write(task.path().join("process"), "1 1\n").unwrap();
        assert_eq!(state(task.path()), "lost");
        Process::of(std::process::id())
            .unwrap()
            .write(&task.path().join("process"))
            .unwrap();
        assert_eq!(state(task.path()), "running");
    }
}

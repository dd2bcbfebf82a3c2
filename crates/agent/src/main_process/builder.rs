//! The main process of a builder: runs BuildKit, restarts it while its configuration is being changed, and ends with it otherwise.

use std::{
    fs,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Command, ExitStatus},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

use super::{Arguments, cannot_run, certificates};
use crate::{
    builder::{Changing, Service},
    private::{make_folder, write_whole},
    process::{Process, exit_code},
};

/// Between the end of BuildKit and its next start during a change.
const PAUSE: Duration = Duration::from_millis(100);
/// All processes end with this one: a change that has found BuildKit down has this time to say so.
const LAST_WORDS: Duration = Duration::from_secs(2);

pub fn run(arguments: &Arguments<'_>) -> Option<i64> {
    let first = Path::new(arguments.option("configuration")?);
    if let Some(bundle) = arguments.option("trust")
        && let Err(why) = certificates::install(Path::new(bundle))
    {
        eprintln!("The private certificates could not be installed: {why}.");
        return Some(1);
    }
    let service = Service::of_container();
    let prepared = make_folder(service.folder())
        .and_then(|()| {
            let configuration = service.configuration();
            if configuration.exists() {
                Ok(())
            } else {
                write_whole(&configuration, &fs::read(first)?)
            }
        })
        .and_then(|()| service.record_command(arguments.command));
    if let Err(error) = prepared {
        eprintln!("The configuration of BuildKit cannot be prepared: {error}.");
        return Some(1);
    }
    Some(supervise(&service, arguments.command))
}

/// The running BuildKit, and whether this process was told to end.
#[derive(Default)]
struct Shared {
    child: Mutex<Option<Pid>>,
    ended: AtomicBool,
}

impl Shared {
    fn child(&self) -> std::sync::MutexGuard<'_, Option<Pid>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn terminate(&self) {
        if let Some(pid) = *self.child() {
            _ = kill_process(pid, Signal::TERM);
        }
    }
}

fn supervise(service: &Service, command: &[&str]) -> i64 {
    let Some((program, arguments)) = command.split_first() else {
        eprintln!("The image has no start command.");
        return prt_agent_protocol::main_process::NOT_FOUND.into();
    };
    let shared = Arc::new(Shared::default());
    if let Ok(mut signals) = Signals::new([SIGTERM, SIGINT]) {
        let shared = Arc::clone(&shared);
        thread::spawn(move || {
            for _ in signals.forever() {
                shared.ended.store(true, Ordering::SeqCst);
                shared.terminate();
            }
        });
    }
    loop {
        let mut command = Command::new(program);
        command.args(arguments).arg("--config").arg(service.configuration());
        let code = match command.spawn() {
            Ok(child) => {
                let pid = Pid::from_child(&child);
                *shared.child() = Some(pid);
                if shared.ended.load(Ordering::SeqCst) {
                    shared.terminate();
                }
                // One that has ended already has no entry in /proc; then the next one is waited for.
                if let Some(process) = Process::of(child.id())
                    && let Err(error) = process.write(&service.process_file())
                {
                    eprintln!("The process of BuildKit cannot be recorded: {error}.");
                }
                let code = end_of(pid);
                *shared.child() = None;
                code
            }
            Err(error) => {
                let (code, words) = cannot_run(&error);
                eprintln!("exec {program}: {words}");
                code
            }
        };
        if shared.ended.load(Ordering::SeqCst) || !Changing::by_somebody(service) {
            if service.is_down() {
                thread::sleep(LAST_WORDS);
            }
            return code.into();
        }
        thread::sleep(PAUSE);
    }
}

/// Waits for the end of a process. As the container's first process this one also collects all that have lost their parent.
fn end_of(wanted: Pid) -> i32 {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == wanted => {
                return exit_code(ExitStatus::from_raw(status.as_raw()));
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return 1,
        }
    }
}

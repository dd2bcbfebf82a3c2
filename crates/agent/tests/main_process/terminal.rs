use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use prt_agent_protocol::{
    frame,
    terminal::{INPUT, Open, RESIZE, Size},
};

use super::agent;

struct Terminal {
    process: Child,
    keys: ChildStdin,
    screen: BufReader<ChildStdout>,
}

fn size(rows: u16, columns: u16) -> Size {
    Size { rows, columns }
}

impl Terminal {
    fn open(command: &[&str]) -> Self {
        let open = Open {
            command: command.iter().map(ToString::to_string).collect(),
            size: size(24, 80),
        };
        let mut agent = agent();
        agent.arg("terminal").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = agent.spawn().unwrap();
        let mut keys = process.stdin.take().unwrap();
        frame::write(&mut keys, &serde_json::to_vec(&open).unwrap()).unwrap();
        let screen = BufReader::new(process.stdout.take().unwrap());
        Self { process, keys, screen }
    }

    fn send(&mut self, kind: u8, bytes: &[u8]) {
        frame::write(&mut self.keys, &[&[kind], bytes].concat()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Reads lines up to one that is `wanted`.
    fn until(&mut self, wanted: &str) {
        let mut line = String::new();
        while line.trim_end() != wanted {
            line.clear();
            assert_ne!(
                self.screen.read_line(&mut line).unwrap(),
                0,
                "the terminal has ended without {wanted:?}"
            );
        }
    }
}

#[test]
fn a_command_has_a_terminal_with_a_size_that_changes() {
    let mut terminal = Terminal::open(&[
        "sh",
        "-c",
        "test -t 0 && tty -s && stty size; read x; stty size; exit 5",
    ]);
    terminal.until("24 80");
    terminal.send(RESIZE, &serde_json::to_vec(&size(50, 132)).unwrap());
    terminal.send(INPUT, b"x\n");
    terminal.until("50 132");
    assert_eq!(terminal.process.wait().unwrap().code(), Some(5));
}

#[test]
fn control_c_reaches_the_command_only() {
    let mut terminal = Terminal::open(&[
        "sh",
        "-c",
        "trap 'echo caught; exit 4' INT; echo ready; while :; do sleep 1; done",
    ]);
    terminal.until("ready");
    terminal.send(INPUT, b"\x03");
    let mut rest = String::new();
    terminal.screen.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("caught"), "{rest:?}");
    assert_eq!(terminal.process.wait().unwrap().code(), Some(4));
}

#[test]
fn the_end_of_the_input_hangs_up() {
    let mut terminal = Terminal::open(&["sh", "-c", "echo ready; sleep 600"]);
    terminal.until("ready");
    drop(terminal.keys);
    assert_eq!(terminal.process.wait().unwrap().code(), Some(128 + 1), "by SIGHUP");
}

#[test]
fn nonsense_is_no_terminal() {
    let mut agent = agent();
    agent.arg("terminal").stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut process = agent.spawn().unwrap();
    frame::write(&mut process.stdin.take().unwrap(), b"nonsense").unwrap();
    let done = process.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(127));
    assert!(String::from_utf8_lossy(&done.stderr).starts_with("The terminal cannot be opened: "));
}

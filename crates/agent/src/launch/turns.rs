//! Builds whose images need different credentials at one registry. BuildKit's session has one credential a registry, so such an image is
//! denied to the build by a source policy at first. A run that is denied one ends at once, before any step, and says which: that image is
//! pulled by itself with its own credential, and the policy puts its digest in the place of its tag. BuildKit then takes what it has and
//! does not ask the registry again. The run that is denied nothing is the build; only its progress is shown, and what is pulled for it.
//!
//! What builds have pulled is remembered with the user that it was pulled as. A later build whose credential may not pull it can still use
//! it: all builds of a worker are its owner's.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::Stdio,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::runner::Runner;
use crate::private::write_whole;

/// Pulled images that are remembered.
const MOST_PINS: usize = 100;

/// How much is read at a time where there may be much.
const READ: usize = 256 * 1024;
/// How lines of progress begin that name no step.
const OUTPUT: [&[u8]; 2] = [b"{\"logs\":", b"{\"statuses\":"];

/// A credential for pulls: the first whose beginning fits a reference counts.
struct Puller {
    begin: String,
    number: String,
    user: String,
}

/// An image that was pulled.
#[derive(Clone)]
struct Pin {
    reference: String,
    digest: String,
    user: String,
}

/// A build that may take several runs.
pub struct Turns<'a> {
    runner: &'a Runner<'a>,
    pullers: Vec<Puller>,
    pins: Vec<Pin>,
    rules: Vec<Value>,
    pulled: Vec<String>,
    platform: Option<String>,
}

fn lines(path: PathBuf) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn pins_path(runner: &Runner<'_>) -> PathBuf {
    PathBuf::from(&runner.launch.spool).with_extension("pulled")
}

fn pins(runner: &Runner<'_>) -> Vec<Pin> {
    let read = lines(pins_path(runner));
    read.iter()
        .filter_map(|line| {
            let mut fields = line.split('\t').map(str::to_owned);
            Some(Pin {
                reference: fields.next()?,
                digest: fields.next()?,
                user: fields.next()?,
            })
        })
        .collect()
}

fn pullers(runner: &Runner<'_>) -> Vec<Puller> {
    let read = lines(runner.login.join("pulls"));
    read.iter()
        .filter_map(|line| {
            let mut fields = line.split('\t').map(str::to_owned);
            Some(Puller {
                begin: fields.next()?,
                number: fields.next()?,
                user: fields.next()?,
            })
        })
        .collect()
}

/// Number and user of the credential for an image; 0 and nobody if there is none.
fn login_for<'p>(pullers: &'p [Puller], reference: &str) -> (&'p str, &'p str) {
    pullers
        .iter()
        .find(|puller| reference.starts_with(&puller.begin))
        .map_or(("0", ""), |puller| (&puller.number, &puller.user))
}

fn remember(runner: &Runner<'_>, pins: &mut Vec<Pin>, new: Pin) -> io::Result<()> {
    pins.retain(|pin| pin.reference != new.reference);
    let spare = (pins.len() + 1).saturating_sub(MOST_PINS);
    pins.drain(..spare);
    pins.push(new);
    let fields = |pin: &Pin| [pin.reference.as_str(), &pin.digest, &pin.user].join("\t");
    let mut text = pins.iter().map(fields).collect::<Vec<_>>().join("\n");
    text.push('\n');
    write_whole(&pins_path(runner), text.as_bytes())
}

/// The image and digest of a step `FROM image@sha256:…`.
fn base(name: &str) -> Option<(&str, &str)> {
    let name = match name.strip_prefix('[') {
        Some(rest) => rest.split_once("] ")?.1,
        None => name,
    };
    let (image, digest) = name.strip_prefix("FROM ")?.split_once('@')?;
    let plain = !image.contains(' ') && digest.starts_with("sha256:") && !digest.contains(' ');
    plain.then_some((image, digest))
}

fn step_names(line: &str) -> Vec<String> {
    let parsed: Value = serde_json::from_str(line).unwrap_or_default();
    let vertexes = parsed["vertexes"].as_array().map_or(&[][..], Vec::as_slice);
    vertexes
        .iter()
        .filter_map(|vertex| vertex["name"].as_str().map(str::to_owned))
        .collect()
}

/// Remembers what a build that has succeeded was based on.
pub fn remember_bases(runner: &Runner<'_>) {
    remember_bases_but(runner, &[]);
}

fn remember_bases_but(runner: &Runner<'_>, pulled: &[String]) {
    let Ok(progress) = File::open(runner.folder.join("progress")) else {
        return;
    };
    let pullers = pullers(runner);
    let mut pins = pins(runner);
    let (mut from, mut line) = (BufReader::with_capacity(READ, progress), vec![]);
    while {
        line.clear();
        from.read_until(b'\n', &mut line).is_ok_and(|count| count > 0)
    } {
        // Most of it is output of steps, and there may be very much of that.
        if OUTPUT.iter().any(|begin| line.starts_with(begin)) {
            continue;
        }
        for name in step_names(&String::from_utf8_lossy(&line)) {
            let Some((image, digest)) = base(&name) else { continue };
            if pulled.iter().any(|known| known == image) {
                continue;
            }
            let user = login_for(&pullers, image).1;
            let known = |pin: &Pin| pin.reference == image && pin.digest == digest && pin.user == user;
            if !pins.iter().any(known) {
                let pin = Pin {
                    reference: image.to_owned(),
                    digest: digest.to_owned(),
                    user: user.to_owned(),
                };
                _ = remember(runner, &mut pins, pin);
            }
        }
    }
}

fn rule(action: &str, image: &str, exact: bool) -> Value {
    let match_type = if exact { "EXACT" } else { "WILDCARD" };
    json!({"action": action, "selector": {"identifier": format!("docker-image://{image}"), "match_type": match_type}})
}

/// How a pull ended.
enum Pulled {
    Digest(String),
    Failed(i32),
}

impl<'a> Turns<'a> {
    /// `None` = the build needs no turns. Of what is remembered, what another user pulled is asked for again.
    pub fn of(runner: &'a Runner<'a>) -> Option<Self> {
        let (pullers, pins) = (pullers(runner), pins(runner));
        let split = lines(runner.login.join("split"));
        let mut rules: Vec<Value> = split
            .iter()
            .map(|host| rule("DENY", &format!("{host}/*"), false))
            .collect();
        for pin in &pins {
            if login_for(&pullers, &pin.reference).1 != pin.user {
                rules.push(rule("DENY", &pin.reference, true));
            }
        }
        let platform = runner.launch.command.iter().find(|word| word.starts_with("platform="));
        (!rules.is_empty()).then(|| Self {
            runner,
            pullers,
            pins,
            rules,
            pulled: vec![],
            platform: platform.cloned(),
        })
    }

    pub fn build(mut self) -> io::Result<i32> {
        let policy = self.runner.folder.join("policy");
        let mut words = self.runner.launch.command.clone();
        words.extend(["--source-policy-file".to_owned(), policy.to_string_lossy().into_owned()]);
        loop {
            write_whole(&policy, json!({"rules": self.rules}).to_string().as_bytes())?;
            let (code, held) = self.attempt(&words)?;
            let image = held.iter().rev().find_map(|line| denied(line)).map(str::to_owned);
            let again = |image: &String| !self.pulled.contains(image);
            // Denied again: the policy does not do what it should, and the words of the build say so.
            let Some(image) = image.filter(again).filter(|_| !self.runner.canceled()) else {
                self.show(held.iter().map(String::as_str))?;
                if code == 0 {
                    remember_bases_but(self.runner, &self.pulled);
                }
                return Ok(code);
            };
            let digest = match self.pull(&image, &held)? {
                Pulled::Digest(digest) => digest,
                Pulled::Failed(code) => return Ok(code),
            };
            let name = image.split_once("@sha256:").map_or(image.as_str(), |(name, _)| name);
            let pinned = format!("{name}@{digest}");
            if pinned != image {
                let mut convert = rule("CONVERT", &image, true);
                convert["updates"] = json!({"identifier": format!("docker-image://{pinned}")});
                self.rules.push(convert);
            }
            self.rules.push(rule("ALLOW", &pinned, true));
            self.pulled.push(image);
        }
    }

    /// Runs the build; its progress is held back until it is known to be the build's. Returns what is still held.
    fn attempt(&self, words: &[String]) -> io::Result<(i32, Vec<String>)> {
        let mut command = self.runner.command(words, self.runner.login);
        command.stderr(Stdio::piped());
        let mut running = self.runner.attend(command)?;
        let mut held: Vec<String> = vec![];
        let mut from = BufReader::new(running.output()?);
        let mut line = vec![];
        while from.read_until(b'\n', &mut line)? > 0 {
            let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
            line.clear();
            let step = is_step(&text);
            held.push(text);
            if step {
                self.show(std::mem::take(&mut held).iter().map(String::as_str))?;
                // The rest as it comes.
                io::copy(&mut from, &mut self.runner.progress()?)?;
                break;
            }
        }
        Ok((running.code()?, held))
    }

    fn show<'l>(&self, lines: impl Iterator<Item = &'l str>) -> io::Result<()> {
        let text: String = lines.flat_map(|line| [line, "\n"]).collect();
        self.runner.progress()?.write_all(text.as_bytes())
    }

    fn tell(&self, line: &Value) -> io::Result<()> {
        self.show(std::iter::once(line.to_string().as_str()))
    }

    /// Pulls an image with its own credential, all of it.
    fn pull(&mut self, image: &str, held: &[String]) -> io::Result<Pulled> {
        let (number, user) = login_for(&self.pullers, image);
        let (number, user) = (number.to_owned(), user.to_owned());
        let step = format!("prt-pull-{}", self.pulled.len() + 1);
        let title = if user.is_empty() {
            format!("[pull] {image}")
        } else {
            format!("[pull] {image} as {user}")
        };
        let mut vertex = json!({"digest": step, "name": title, "started": now()});
        self.tell(&json!({"vertexes": [vertex]}))?;
        let folder = self.runner.folder.join("pulling");
        fs::create_dir_all(&folder)?;
        // The copy of nothing needs all of the image in place; an image that is copied from has its triggers left alone.
        fs::write(
            folder.join("Dockerfile"),
            format!("FROM scratch\nCOPY --from={image} /.prt-none* /\n"),
        )?;
        let (mut code, printed) = self.fetch(&number, &step, self.platform.as_deref())?;
        let found = printed.iter().find_map(|line| {
            let names = step_names(line);
            names.iter().find_map(|name| Some(base(name)?.1.to_owned()))
        });
        if code == 0 && found.is_none() {
            code = 1;
        }
        if let (0, Some(digest)) = (code, &found) {
            // Stages may be for other platforms than the result. An image that does not have one of these is not wanted for it.
            if self.platform.is_some() {
                self.fetch(&number, &step, None)?;
            }
            for platform in self.stage_platforms() {
                self.fetch(&number, &step, Some(&format!("platform={platform}")))?;
            }
            let pin = Pin {
                reference: image.to_owned(),
                digest: digest.clone(),
                user: user.clone(),
            };
            remember(self.runner, &mut self.pins, pin)?;
        }
        vertex["completed"] = json!(now());
        if let (0, Some(digest)) = (code, found) {
            self.tell(&json!({"vertexes": [vertex]}))?;
            return Ok(Pulled::Digest(digest));
        }
        // What follows is the registry's words, on lines of their own.
        let words = printed.iter().position(|line| line.starts_with("error: "));
        let mut error = words.map_or_else(
            || format!("it ended with exit code {code}"),
            |at| printed[at..].join("\n")["error: ".len()..].trim_end().to_owned(),
        );
        if self.runner.canceled() {
            "context canceled".clone_into(&mut error);
        }
        if is_refusal(&error)
            && let Some(pin) = self.pins.iter().rev().find(|pin| pin.reference == image)
        {
            let who = if user.is_empty() { "everybody" } else { &user };
            let text = format!(
                "Refused to {who}; taken as an earlier build of this worker pulled it: {}\n",
                pin.digest
            );
            self.tell(
                &json!({"logs": [{"vertex": step, "stream": 1, "data": STANDARD.encode(text), "timestamp": now()}]}),
            )?;
            self.tell(&json!({"vertexes": [vertex]}))?;
            return Ok(Pulled::Digest(pin.digest.clone()));
        }
        vertex["error"] = json!(error);
        self.tell(&json!({"vertexes": [vertex]}))?;
        // The place in the Dockerfile is the build's, the error the pull's.
        let words = held
            .iter()
            .map(String::as_str)
            .filter(|line| !line.starts_with('{') && !line.starts_with("error: "));
        self.show(words.chain(std::iter::once(format!("error: {error}").as_str())))?;
        Ok(Pulled::Failed(code))
    }

    /// Pulls the image of the folder in one platform. Shows what is transferred, as the step.
    fn fetch(&self, number: &str, step: &str, platform: Option<&str>) -> io::Result<(i32, Vec<String>)> {
        let folder = self.runner.folder.join("pulling");
        let folder = folder.to_string_lossy();
        let mut words = vec![self.runner.launch.command[0].clone()];
        let fixed = [
            "build",
            "--progress=rawjson",
            "--frontend",
            "dockerfile.v0",
            "--local",
            &format!("context={folder}"),
            "--local",
            &format!("dockerfile={folder}"),
            "--no-cache",
            "--output",
            "type=image",
        ];
        words.extend(fixed.map(str::to_owned));
        words.extend(platform.map(|platform| format!("--opt={platform}")));
        let mut command = self.runner.command(&words, &self.runner.login.join(number));
        command.stderr(Stdio::piped());
        let mut running = self.runner.attend(command)?;
        let mut printed = vec![];
        let mut progress = self.runner.progress()?;
        for line in BufReader::new(running.output()?).lines() {
            let line = line?;
            if let Some(shown) = transfer(&line, step) {
                writeln!(progress, "{shown}")?;
            }
            printed.push(line);
        }
        Ok((running.code()?, printed))
    }

    /// Platforms that stages of the Dockerfile name.
    fn stage_platforms(&self) -> Vec<String> {
        let name = self.runner.launch.dockerfile.rsplit('/').next().unwrap_or_default();
        let text = fs::read_to_string(self.runner.folder.join("dockerfile").join(name)).unwrap_or_default();
        let mut found: Vec<String> = text
            .lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                let from = words.next()?.eq_ignore_ascii_case("FROM");
                let platform = words.next()?.strip_prefix("--platform=")?;
                let plain = platform
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'/');
                (from && plain).then(|| platform.to_owned())
            })
            .collect();
        found.sort();
        found.dedup();
        found
    }
}

/// The image that a run was denied.
fn denied(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("error: ")?.split_once("source \"docker-image://")?.1;
    let (image, words) = rest.split_once('"')?;
    words.trim_start().starts_with("denied by policy").then_some(image)
}

/// Whether a registry does not let the user have the image.
fn is_refusal(error: &str) -> bool {
    let words = [
        "401 ",
        "403 ",
        "denied",
        "not found",
        "uthoriz",
        "insufficient_scope",
        "basic auth credentials",
    ];
    words.iter().any(|word| error.contains(word))
}

/// Whether a line of progress tells of more than what a frontend reads before it knows all images.
fn is_step(line: &str) -> bool {
    const BEFORE: [&str; 5] = [
        "[internal]",
        "[auth]",
        "[context ",
        "resolve image config ",
        "docker-image://",
    ];
    let names = step_names(line);
    names
        .iter()
        .any(|name| !BEFORE.iter().any(|before| name.starts_with(before)))
}

/// What a line of a pull's progress tells of transfers, as another step.
fn transfer(line: &str, step: &str) -> Option<String> {
    let parsed: Value = serde_json::from_str(line).ok()?;
    let statuses: Vec<Value> = parsed["statuses"]
        .as_array()?
        .iter()
        .filter(|status| {
            let id = status["id"].as_str().unwrap_or_default();
            id.starts_with("sha256:") || id.starts_with("extracting ")
        })
        .cloned()
        .map(|mut status| {
            status["vertex"] = json!(step);
            status
        })
        .collect();
    (!statuses.is_empty()).then(|| json!({"statuses": statuses}).to_string())
}

#[expect(clippy::disallowed_methods, reason = "there is no clock to be set in a container")]
pub fn now() -> String {
    // The progress of BuildKit has times of this machine as well.
    OffsetDateTime::from(std::time::SystemTime::now())
        .format(&Rfc3339)
        .unwrap_or_default()
}

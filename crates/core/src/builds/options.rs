//! `additional_build_params` and `custom_build_command`: words of a command line, taken apart here and never given to a shell.
//!
//! Both may only say *what* is built. Where the result goes, what is logged, which folders are read and which rights the build has stay
//! the console's: a parameter that would change them is refused by name. So is one that takes a secret, because a command line is
//! recorded and can be read by others.

use prt_types::builds::BuildRequest;

use crate::{error::Fields, registry::login::is_host};

const LONGEST: usize = 16 * 1024;
/// The build folder in the builder, as custom commands name it.
const FOLDER: &str = "/build";

/// What the two parameters come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// Arguments for `buildctl build`.
    pub args: Vec<String>,
    /// `--no-cache` was among them.
    pub no_cache: bool,
    /// The context relative to the build folder, if a custom command names one.
    pub context: Option<String>,
    /// The Dockerfile relative to the context, if a custom command names one.
    pub dockerfile: Option<String>,
}

/// Further arguments of the console's own command. `buildctl`'s flags, and docker's names for the same.
pub(super) fn additional(text: &str) -> Result<Options, String> {
    Reader::read(words(text)?, false).map(Reader::finish)?
}

/// A whole command, `buildctl build …`, in the place of the console's own.
pub(super) fn custom(text: &str) -> Result<Options, String> {
    let words = words(text)?;
    if words.is_empty() {
        return Ok(Options::default());
    }
    let program = words[0].rsplit('/').next().unwrap_or_default();
    if program != "buildctl" || words.get(1).map(String::as_str) != Some("build") {
        return Err(format!(
            "The command begins with {:?}; it must be `buildctl build` with its arguments.",
            words[..words.len().min(2)].join(" ")
        ));
    }
    Reader::read(words[2..].to_vec(), true).map(Reader::finish)?
}

/// Reads both parameters of a request: what a custom command says of context and Dockerfile becomes the request's own. Nothing else
/// knows of these parameters but the arguments that come out.
pub(super) fn of(request: &mut BuildRequest, wrong: &mut Fields) -> Vec<String> {
    let more = !request.additional_build_params.trim().is_empty();
    if more && !request.custom_build_command.trim().is_empty() {
        let message = "custom_build_command excludes additional_build_params: write them into the command.";
        wrong.add("additional_build_params", message);
    }
    let mut or_wrong = |field: &str, options: Result<Options, String>| {
        options.unwrap_or_else(|message| {
            wrong.add(field, message);
            Options::default()
        })
    };
    let additional = or_wrong("additional_build_params", additional(&request.additional_build_params));
    let custom = or_wrong("custom_build_command", custom(&request.custom_build_command));
    request.no_cache |= additional.no_cache || custom.no_cache;
    for (field, given, said) in [
        ("context", &mut request.context, custom.context),
        ("dockerfile", &mut request.dockerfile, custom.dockerfile),
    ] {
        let Some(said) = said else { continue };
        if given.is_empty() || (field == "dockerfile" && given == "Dockerfile") {
            *given = said;
        } else if *given != said {
            let message = format!("custom_build_command names another {field} than {given:?}; give it once.");
            wrong.add("custom_build_command", message);
        }
    }
    [additional.args, custom.args].concat()
}

/// The arguments of a build that was checked when it was recorded.
pub(super) fn kept(additional_params: &str, custom_command: &str) -> Vec<String> {
    let both = [additional(additional_params), custom(custom_command)];
    both.into_iter()
        .flat_map(|options| options.unwrap_or_default().args)
        .collect()
}

fn words(text: &str) -> Result<Vec<String>, String> {
    if text.len() > LONGEST {
        return Err("This is longer than 16 KiB.".into());
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err("This has control characters.".into());
    }
    // A backslash at the end of a line continues it, also where lines end with CR LF.
    shlex::split(&text.replace("\r\n", "\n").replace("\\\n", ""))
        .ok_or_else(|| "A quotation mark or a backslash at the end is not closed.".into())
}

#[derive(Default)]
struct Reader {
    options: Options,
    /// Folder of the Dockerfile and its name there, as the custom command has them.
    dockerfile_folder: Option<String>,
    filename: Option<String>,
}

impl Reader {
    fn read(words: Vec<String>, custom: bool) -> Result<Self, String> {
        let mut reader = Self::default();
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next() {
            let Some(flag) = word.strip_prefix("--").filter(|flag| !flag.is_empty()) else {
                return Err(format!(
                    "{word:?} is no parameter that is known here; write --name value."
                ));
            };
            let (flag, mut value) = match flag.split_once('=') {
                Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
                None => (flag.to_owned(), None),
            };
            if let Some(why) = refused(&flag) {
                return Err(format!("--{flag} is refused: {why}."));
            }
            if flag == "no-cache" {
                reader.options.no_cache = match value.as_deref() {
                    None | Some("true") => true,
                    Some("false") => false,
                    Some(_) => return Err("--no-cache takes no value.".into()),
                };
                continue;
            }
            if !TAKES_VALUE.contains(&flag.as_str()) {
                return Err(format!("--{flag} is not known here. Known are {}.", known()));
            }
            if value.is_none() {
                value = words.next_if(|next| !next.starts_with("--"));
            }
            let value = value.ok_or_else(|| format!("--{flag} needs a value."))?;
            reader.take(&flag, &value, custom)?;
        }
        Ok(reader)
    }

    fn take(&mut self, flag: &str, value: &str, custom: bool) -> Result<(), String> {
        match flag {
            "opt" => self.opt(value, custom),
            "target" | "platform" => self.opt(&format!("{flag}={value}"), custom),
            "label" | "build-arg" => self.opt(&format!("{flag}:{value}"), custom),
            "add-host" => {
                let (name, address) = value
                    .split_once([':', '='])
                    .ok_or_else(|| "--add-host: write NAME:ADDRESS.".to_owned())?;
                self.opt(&format!("add-hosts={name}={address}"), custom)
            }
            "import-cache" | "export-cache" => {
                let cache = cache(flag, value)?;
                self.options.args.extend([format!("--{flag}"), cache]);
                Ok(())
            }
            "frontend" if !custom => {
                Err("--frontend is refused: it is the Dockerfile's; a `# syntax=` line in it names another.".into())
            }
            "frontend" if value == "dockerfile.v0" => Ok(()),
            "frontend" => Err(format!(
                "--frontend {value} is refused: only dockerfile.v0; a `# syntax=` line in the Dockerfile names another."
            )),
            _ if !custom => Err("--local is refused: the folders are given by `context` and `dockerfile`.".into()),
            _ => self.local(value),
        }
    }

    fn opt(&mut self, value: &str, custom: bool) -> Result<(), String> {
        let (key, text) = value
            .split_once('=')
            .ok_or_else(|| format!("--opt {value}: write KEY=VALUE."))?;
        let (kind, name) = key.split_once(':').unwrap_or((key, ""));
        let refuse = |why: &str| Err(format!("--opt {key} is refused: {why}."));
        match kind {
            "filename" if custom => {
                self.filename = Some(text.to_owned());
                return Ok(());
            }
            "filename" => return refuse("the parameter `dockerfile` names it"),
            "target" | "platform" | "add-hosts" | "shm-size" | "ulimit" | "hostname" | "image-resolve-mode"
            | "multi-platform" | "no-cache"
                if name.is_empty() => {}
            "label" | "attest" if !name.is_empty() => {}
            "build-arg" if is_arg(name) => {}
            "build-arg" => return Err(format!("--opt {key}: {name:?} is no name of an ARG.")),
            "force-network-mode" if matches!(text, "none" | "sandbox") => {}
            "force-network-mode" => {
                return refuse("only none and sandbox; the builder's own network is not for RUN steps");
            }
            "context" if !name.is_empty() => {
                if !text.starts_with("docker-image://") && !text.starts_with("https://") {
                    return refuse("a named context is docker-image://… or https://…; folders are given by `context`");
                }
            }
            "source" | "cmdline" => return refuse("only a `# syntax=` line in the Dockerfile names another frontend"),
            "cgroup-parent" | "entitlements" => return refuse("the build's rights and limits are the worker's"),
            _ => return Err(format!("--opt {key} is not known here. Known are {OPTS}.")),
        }
        self.options.args.extend(["--opt".to_owned(), value.to_owned()]);
        Ok(())
    }

    /// `--local context=/build/app`
    fn local(&mut self, value: &str) -> Result<(), String> {
        let (name, path) = value
            .split_once('=')
            .ok_or_else(|| format!("--local {value}: write NAME=FOLDER."))?;
        let below = below_folder(path)
            .ok_or_else(|| format!("--local {value} is refused: only folders in {FOLDER} can be read."))?;
        match name {
            "context" => self.options.context = Some(below),
            "dockerfile" => self.dockerfile_folder = Some(below),
            _ => return Err(format!("--local {name} is refused: there are context and dockerfile.")),
        }
        Ok(())
    }

    fn finish(self) -> Result<Options, String> {
        let mut options = self.options;
        let name = self.filename.unwrap_or_else(|| "Dockerfile".to_owned());
        if let Some(folder) = self.dockerfile_folder {
            let context = options.context.clone().unwrap_or_default();
            let inside = if context.is_empty() {
                Some(folder.as_str())
            } else {
                folder
                    .strip_prefix(&context)
                    .and_then(|rest| rest.strip_prefix('/').or(rest.is_empty().then_some("")))
            };
            let inside =
                inside.ok_or("--local dockerfile is refused: the Dockerfile must lie in the context's folder.")?;
            options.dockerfile = Some(if inside.is_empty() {
                name
            } else {
                format!("{inside}/{name}")
            });
        } else if name != "Dockerfile" {
            options.dockerfile = Some(name);
        }
        Ok(options)
    }
}

/// A cache to read or write, in the form that names all its parts.
pub(super) fn cache(flag: &str, value: &str) -> Result<String, String> {
    // The short form names an image in a registry.
    let attributes: Vec<(&str, &str)> = if value.contains('=') {
        value
            .split(',')
            .map(|part| part.split_once('=').unwrap_or((part, "")))
            .collect()
    } else {
        vec![("type", "registry"), ("ref", value)]
    };
    let of = |name: &str| attributes.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    match (flag, of("type")) {
        (_, Some("registry")) => {
            let host = of("ref")
                .and_then(|reference| reference.split_once('/'))
                .map(|(host, _)| host);
            if !host.is_some_and(|host| is_host(host) && (host.contains(['.', ':']) || host == "localhost")) {
                return Err(format!(
                    "--{flag}: ref must name an image with its registry, e.g. ref=registry.example.com/demo/cache."
                ));
            }
        }
        ("export-cache", Some("inline")) => {}
        (_, Some("local")) => {
            return Err(format!(
                "--{flag} type=local is refused: it would write or read files outside of the build folder."
            ));
        }
        (_, kind) => {
            let kind = kind.unwrap_or("(none)");
            return Err(format!(
                "--{flag} type={kind} is refused: only registry, and inline for the export."
            ));
        }
    }
    for (key, _) in &attributes {
        if !CACHE_ATTRIBUTES.contains(key) {
            return Err(format!(
                "--{flag}: {key} is not known here. Known are {}.",
                CACHE_ATTRIBUTES.join(", ")
            ));
        }
    }
    let whole = attributes
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect::<Vec<_>>();
    Ok(whole.join(","))
}

const TAKES_VALUE: [&str; 10] = [
    "opt",
    "target",
    "platform",
    "label",
    "build-arg",
    "add-host",
    "import-cache",
    "export-cache",
    "frontend",
    "local",
];
const OPTS: &str = "target, platform, label:NAME, build-arg:NAME, add-hosts, shm-size, ulimit, hostname, no-cache, attest:KIND, \
    context:NAME, image-resolve-mode, multi-platform and force-network-mode";
/// None of these takes a secret.
const CACHE_ATTRIBUTES: [&str; 9] = [
    "type",
    "ref",
    "mode",
    "compression",
    "compression-level",
    "force-compression",
    "oci-mediatypes",
    "image-manifest",
    "ignore-error",
];

fn known() -> String {
    let names = TAKES_VALUE
        .iter()
        .filter(|name| !matches!(**name, "frontend" | "local"));
    names
        .map(|name| format!("--{name}"))
        .chain(["--no-cache".to_owned()])
        .collect::<Vec<_>>()
        .join(", ")
}

/// Why a flag of `buildctl` is not for users.
fn refused(flag: &str) -> Option<&'static str> {
    Some(match flag {
        "output" | "exporter" | "exporter-opt" => "the result goes where `name`, `tag` and `push_image` say",
        "push" | "load" | "tag" | "file" => "`push_image`, `name`, `tag` and `dockerfile` say it",
        "progress" | "trace" | "metadata-file" | "ref-file" | "debug-json-cache-metrics" | "debug" => {
            "the log and the result are read by the console"
        }
        "addr" | "tlscacert" | "tlscert" | "tlskey" | "tlsdir" | "tlsservername" | "timeout" | "wait" => {
            "the build runs in this worker's builder"
        }
        "allow" | "entitlements" | "privileged" | "security" => {
            "the rights of a build are those of the worker's Security Context"
        }
        "ssh" => "no SSH agent is passed into builds",
        "secret" => "parameters are recorded; `secrets` takes files for RUN --mount=type=secret",
        "token" | "password" => "parameters are recorded and are no place for secrets",
        "registry-auth-tlscontext" => "certificates of registries belong into the builder's configuration",
        "oci-layout" | "build-context" | "source-policy-file" => "only the build folder is read",
        _ => return None,
    })
}

fn is_arg(name: &str) -> bool {
    name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The part of a path below the build folder; relative paths begin there.
fn below_folder(path: &str) -> Option<String> {
    let rest = match path.strip_prefix(FOLDER) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
        _ if path.starts_with('/') => return None,
        _ => path,
    };
    let parts: Vec<&str> = rest.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    (!parts.contains(&"..")).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn args(text: &str) -> String {
        additional(text).unwrap().args.join("|")
    }

    #[test]
    fn buildctls_and_dockers_names_come_to_the_same() {
        assert_eq!(args(""), "");
        assert_eq!(
            args("--opt target=web --opt=platform=linux/arm64"),
            "--opt|target=web|--opt|platform=linux/arm64"
        );
        assert_eq!(
            args("--target web --platform=linux/arm64"),
            "--opt|target=web|--opt|platform=linux/arm64"
        );
        assert_eq!(
            args("--label 'a=two words' --build-arg B=1"),
            "--opt|label:a=two words|--opt|build-arg:B=1"
        );
        assert_eq!(
            args("--add-host a.example.com:192.0.2.1"),
            "--opt|add-hosts=a.example.com=192.0.2.1"
        );
        assert_eq!(
            args("--import-cache r.io/a/b:c"),
            "--import-cache|type=registry,ref=r.io/a/b:c"
        );
        assert_eq!(args("--export-cache type=inline"), "--export-cache|type=inline");
        let options = additional("--no-cache \\\n --opt attest:sbom=").unwrap();
        assert!(options.no_cache && options.args == ["--opt", "attest:sbom="]);
    }

    #[test]
    fn nothing_is_a_shells() {
        assert_eq!(
            args("--label 'a=$(id);`id` > /x && y'"),
            "--opt|label:a=$(id);`id` > /x && y"
        );
        assert!(additional("--no-cache; id").is_err());
        assert!(additional("--no-cache | id").unwrap_err().contains("\"|\""));
    }

    #[test]
    fn what_is_the_consoles_is_refused_by_name() {
        for flag in [
            "output",
            "progress",
            "metadata-file",
            "addr",
            "allow",
            "ssh",
            "secret",
            "registry-auth-tlscontext",
            "local",
            "oci-layout",
            "ref-file",
            "trace",
            "source-policy-file",
            "frontend",
        ] {
            for text in [format!("--{flag} x=y"), format!("--{flag}=x")] {
                let why = additional(&text).unwrap_err();
                assert!(why.starts_with(&format!("--{flag} is refused: ")), "{why}");
            }
        }
        for text in [
            "--opt force-network-mode=host",
            "--opt source=x",
            "--opt cmdline=x",
            "--opt context:a=local:b",
            "--opt filename=x",
            "--import-cache type=local,src=/x",
            "--export-cache type=s3,bucket=x",
        ] {
            assert!(additional(text).unwrap_err().contains(" is refused: "), "{text}");
        }
        for (text, why) in [
            ("x", "\"x\" is no parameter that is known here; write --name value."),
            ("-o x", "\"-o\" is no parameter that is known here; write --name value."),
            ("--target", "--target needs a value."),
            ("--target --no-cache", "--target needs a value."),
            ("--opt x", "--opt x: write KEY=VALUE."),
            (
                "--label 'x",
                "A quotation mark or a backslash at the end is not closed.",
            ),
            ("--build-arg 1=2", "--opt build-arg:1: \"1\" is no name of an ARG."),
        ] {
            assert_eq!(additional(text).unwrap_err(), why);
        }
        assert!(
            additional("--import-cache type=registry,ref=r.io/x,token=y")
                .unwrap_err()
                .contains("token is not known")
        );
        assert!(
            additional("--fancy x")
                .unwrap_err()
                .starts_with("--fancy is not known here. Known are --opt, ")
        );
    }

    #[test]
    fn a_custom_command_says_what_is_built() {
        let options = custom(
            "buildctl build --frontend dockerfile.v0 --local context=/build/app --local dockerfile=/build/app/docker \\\n\
             --opt filename=web.Dockerfile --opt target=web --no-cache",
        )
        .unwrap();
        assert_eq!(options.context.as_deref(), Some("app"));
        assert_eq!(options.dockerfile.as_deref(), Some("docker/web.Dockerfile"));
        assert_eq!(options.args, ["--opt", "target=web"]);
        assert!(options.no_cache);
        let options = custom("buildctl build --local context=. --local dockerfile=.").unwrap();
        assert_eq!(
            (options.context.as_deref(), options.dockerfile.as_deref()),
            (Some(""), Some("Dockerfile"))
        );
        assert_eq!(custom("buildctl build").unwrap(), Options::default());
        assert_eq!(custom(" ").unwrap(), Options::default());
    }

    #[test]
    fn a_custom_command_stays_in_the_build_folder() {
        for path in ["/", "/etc", "/buildx", "/build/../etc", "../x", "/dev/shm"] {
            let why = custom(&format!("buildctl build --local context={path}")).unwrap_err();
            assert!(why.ends_with("only folders in /build can be read."), "{why}");
        }
        for command in [
            "sh -c id",
            "buildctl prune",
            "buildctl",
            "buildctl --addr x build",
            "docker build .",
        ] {
            assert!(
                custom(command).unwrap_err().contains("it must be `buildctl build`"),
                "{command}"
            );
        }
        assert!(custom("buildctl build --local other=/build").is_err());
        assert!(custom("buildctl build --frontend gateway.v0").is_err());
        assert!(custom("buildctl build --output type=local,dest=/x").is_err());
        assert!(custom("buildctl build --local context=/build/a --local dockerfile=/build/b").is_err());
    }

    proptest! {
        /// Whatever is typed, only flags of the list come out.
        #[test]
        fn only_listed_flags_come_out(text in "(--(opt|output|allow|secret|target|import-cache|no-cache)[= ][a-z:=/.,$;|&'-]{0,12} ?){0,4}") {
            if let Ok(options) = additional(&text) {
                for pair in options.args.chunks(2) {
                    prop_assert!(["--opt", "--import-cache", "--export-cache"].contains(&pair[0].as_str()));
                    prop_assert_eq!(pair.len(), 2);
                }
            }
        }
    }
}

//! The keys of `buildkitd.toml` as BuildKit v0.32 reads them (its `cmd/buildkitd/config`, and `docs/buildkitd.toml.md`).

/// What a value has to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Bool,
    Int,
    Text,
    /// One of these.
    OneOf(&'static [&'static str]),
    Texts,
    /// Seconds, or a text such as `48h`.
    Duration,
    /// Bytes, or a text such as `10GB` or `20%`.
    Space,
    /// Text by names of the user's.
    Labels,
    /// Anything below: handed on by BuildKit.
    Free,
    Table(&'static [Field]),
    /// A table with these keys and those of every worker.
    Worker(&'static [Field]),
    Tables(&'static [Field]),
    /// Registries by host.
    Registries,
}

/// A key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub name: &'static str,
    pub kind: Kind,
    pub note: Note,
}

/// What is to be said of a key that is there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Note {
    None,
    /// It would break the builder, or is decided elsewhere.
    Refused(&'static str),
    /// Old; the words say what to write.
    Deprecated(&'static str),
    /// It works, but not as one might think.
    Warned(&'static str),
    /// This value breaks the builder.
    Not(bool, &'static str),
}

const fn field(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        note: Note::None,
    }
}

const fn noted(name: &'static str, kind: Kind, note: Note) -> Field {
    Field { name, kind, note }
}

const LEVELS: Kind = Kind::OneOf(&["error", "warn", "info", "debug", "trace"]);
const SNAPSHOTTERS: Kind = Kind::OneOf(&["auto", "overlayfs", "native", "fuse-overlayfs", "stargz"]);
const NETWORKS: Kind = Kind::OneOf(&["auto", "host", "cni", "bridge", "none"]);
/// A build's steps and the build service do not see each other's files; these would let a user's own program or folder between them,
/// and with it to logins that the user may use and not read.
const APART: Note = Note::Refused(
    "is refused: it would put programs or folders of the worker's user between the build service and its logins",
);
const ELSEWHERE: Note = Note::Refused("is set by the platform: builds reach the build service at its own address");

/// The file itself.
pub(super) const ROOT: &[Field] = &[
    noted("debug", Kind::Bool, Note::Deprecated("[log] level = \"debug\"")),
    noted("trace", Kind::Bool, Note::Deprecated("[log] level = \"trace\"")),
    noted(
        "root",
        Kind::Text,
        Note::Refused("is set by the platform: the cache lies on the worker's own volume"),
    ),
    noted(
        "insecure-entitlements",
        Kind::Texts,
        Note::Warned(
            "takes effect only in a build that asks for it and, in a restricted builder, gives no rights of the host",
        ),
    ),
    field("proxyNetwork", Kind::Bool),
    field(
        "log",
        Kind::Table(&[field("format", Kind::OneOf(&["text", "json"])), field("level", LEVELS)]),
    ),
    noted("grpc", Kind::Free, ELSEWHERE),
    field("otel", Kind::Table(&[noted("socketPath", Kind::Text, APART)])),
    field(
        "cdi",
        Kind::Table(&[
            field("disabled", Kind::Bool),
            noted("specDirs", Kind::Texts, APART),
            noted("autoAllowed", Kind::Texts, APART),
        ]),
    ),
    field(
        "worker",
        Kind::Table(&[
            field("oci", Kind::Worker(OCI)),
            field("containerd", Kind::Worker(CONTAINERD)),
        ]),
    ),
    field("registry", Kind::Registries),
    field(
        "dns",
        Kind::Table(&[
            field("nameservers", Kind::Texts),
            field("options", Kind::Texts),
            field("searchDomains", Kind::Texts),
        ]),
    ),
    field(
        "history",
        Kind::Table(&[field("maxAge", Kind::Duration), field("maxEntries", Kind::Int)]),
    ),
    field(
        "frontend",
        Kind::Table(&[
            field(
                "dockerfile.v0",
                Kind::Table(&[noted(
                    "enabled",
                    Kind::Bool,
                    Note::Not(false, "would leave no way to build a Dockerfile"),
                )]),
            ),
            field(
                "gateway.v0",
                Kind::Table(&[field("enabled", Kind::Bool), field("allowedRepositories", Kind::Texts)]),
            ),
        ]),
    ),
    field(
        "system",
        Kind::Table(&[
            field("platformsCacheMaxAge", Kind::Duration),
            field("maxRegistryConcurrency", Kind::Int),
        ]),
    ),
    noted("provenanceEnvDir", Kind::Text, APART),
    field("cache", Kind::Table(&[field("gha", Kind::Free)])),
];

/// What both kinds of worker know.
pub(super) const WORKER: &[Field] = &[
    field("labels", Kind::Labels),
    field("platforms", Kind::Texts),
    field("gc", Kind::Bool),
    noted("gckeepstorage", Kind::Space, Note::Deprecated("reservedSpace")),
    field("reservedSpace", Kind::Space),
    field("maxUsedSpace", Kind::Space),
    field("minFreeSpace", Kind::Space),
    field("gcpolicy", Kind::Tables(GC_POLICY)),
    field("networkMode", NETWORKS),
    noted("cniConfigPath", Kind::Text, APART),
    noted("cniBinaryPath", Kind::Text, APART),
    field("cniPoolSize", Kind::Int),
    field("bridgeName", Kind::Text),
    field("bridgeSubnet", Kind::Text),
    field("defaultCgroupParent", Kind::Text),
    field("apparmor-profile", Kind::Text),
    field("selinux", Kind::Bool),
    field("max-parallelism", Kind::Int),
];

const OCI: &[Field] = &[
    noted(
        "enabled",
        Kind::Bool,
        Note::Not(false, "would leave the build service without a place to build"),
    ),
    field("snapshotter", SNAPSHOTTERS),
    noted(
        "rootless",
        Kind::Bool,
        Note::Refused("is decided by the security context of the worker's size"),
    ),
    noted("noProcessSandbox", Kind::Bool, APART),
    field("userRemapUnsupported", Kind::Text),
    noted("binary", Kind::Text, APART),
    noted("proxySnapshotterPath", Kind::Text, APART),
    noted("stargzSnapshotter", Kind::Free, APART),
];

const CONTAINERD: &[Field] = &[
    noted(
        "enabled",
        Kind::Bool,
        Note::Not(true, "needs containerd, which a builder does not have"),
    ),
    noted("address", Kind::Text, APART),
    field("namespace", Kind::Text),
    noted("runtime", Kind::Free, APART),
    field("snapshotter", Kind::Text),
    field("rootless", Kind::Bool),
];

const GC_POLICY: &[Field] = &[
    field("all", Kind::Bool),
    field("filters", Kind::Texts),
    field("keepDuration", Kind::Duration),
    noted("keepBytes", Kind::Space, Note::Deprecated("reservedSpace")),
    field("reservedSpace", Kind::Space),
    field("maxUsedSpace", Kind::Space),
    field("minFreeSpace", Kind::Space),
];

/// One registry. `client` is not BuildKit's: it is translated.
pub(super) const REGISTRY: &[&str] = &["mirrors", "http", "insecure", "ca", "keypair", "tlsconfigdir", "client"];

/// `48h`, `1h30m`, `1.5s`: as Go's `time.ParseDuration` reads it; or a number of seconds.
pub(super) fn is_duration(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if text.is_empty() || unsigned == "0" || text.parse::<i64>().is_ok() {
        return true;
    }
    let mut rest = unsigned;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        if rest[..digits].parse::<f64>().is_err() {
            return false;
        }
        rest = &rest[digits..];
        let unit = ["ns", "us", "µs", "μs", "ms", "s", "m", "h"]
            .into_iter()
            .filter(|unit| rest.starts_with(unit))
            .max_by_key(|unit| unit.len());
        let Some(unit) = unit else { return false };
        rest = &rest[unit.len()..];
    }
    !unsigned.is_empty()
}

/// `512MB`, `10 GiB`, `20%`: as Docker's `units.RAMInBytes` reads it, or a percentage.
pub(super) fn is_space(text: &str) -> bool {
    if let Some(percent) = text.strip_suffix('%') {
        return percent.parse::<i64>().is_ok();
    }
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let unit = text[digits..].trim_start().to_ascii_lowercase();
    let units = ["", "b", "k", "m", "g", "t", "p"];
    let plain = unit.strip_suffix("ib").or(unit.strip_suffix('b')).unwrap_or(&unit);
    text.is_empty() || (text[..digits].parse::<f64>().is_ok() && (units.contains(&plain) || unit == "b"))
}

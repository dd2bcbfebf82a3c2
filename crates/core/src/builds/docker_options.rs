//! `docker build`'s options as fields of a request: checked here, and made into arguments for `buildctl`.

use std::{collections::BTreeMap, net::IpAddr};

use prt_types::builds::{BuildOptions, BuildRequest};

use super::{
    options,
    validate::{name, tag},
};
use crate::error::Fields;

/// More of one kind help nobody.
const MOST: usize = 100;
const LONGEST_LABELS: usize = 64 * 1024;
/// As Linux has them.
const ULIMITS: [&str; 15] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// Reads the fields of a request. `raw` are the arguments that its parameters came to: what is said there is not said here, too.
pub(super) fn of(request: &BuildRequest, raw: &[String], wrong: &mut Fields) -> BuildOptions {
    let mut each = |field: &str, values: &[String], check: &dyn Fn(&str) -> Result<String, String>| {
        let mut checked: Vec<String> = vec![];
        for value in values {
            match check(value.trim()) {
                Ok(value) if checked.contains(&value) => {}
                Ok(value) => checked.push(value),
                Err(message) => wrong.add(field, message),
            }
        }
        if checked.len() > MOST {
            wrong.add(field, format!("These are more than {MOST}."));
        }
        checked
    };
    let cache = |flag: &'static str| move |value: &str| options::cache(flag, value).map(|_| value.to_owned());
    let platforms: Vec<String> = request
        .platforms
        .iter()
        .flat_map(|list| list.split(','))
        .map(str::to_owned)
        .collect();
    let whole = format!("{}:{}", request.name, request.tag);
    let mut additional_tags = each("additional_tags", &request.additional_tags, &|text| {
        additional_tag(text, &request.tag)
    });
    additional_tags.retain(|tag| *tag != whole);
    let found = BuildOptions {
        additional_tags,
        platforms: each("platforms", &platforms, &platform),
        add_hosts: each("add_hosts", &request.add_hosts, &|text| {
            add_host(text).map(|(name, address)| format!("{name}:{address}"))
        }),
        ulimits: each("ulimits", &request.ulimits, &ulimit),
        cache_from: each("cache_from", &request.cache_from, &cache("import-cache")),
        cache_to: each("cache_to", &request.cache_to, &cache("export-cache")),
        target: request.target.trim().to_owned(),
        labels: request.labels.clone(),
        pull: request.pull,
        secrets: vec![],
        network: request.network.trim().to_owned(),
        shm_size: request.shm_size.trim().to_owned(),
        oci_mediatypes: request.oci_mediatypes,
        dockerfile_given: request.dockerfile_text.is_some(),
    };
    if found.target.contains(|c: char| c.is_control() || c.is_whitespace()) || found.target.len() > 200 {
        wrong.add("target", format!("{:?} is no name of a stage.", found.target));
    }
    labels(&found.labels, wrong);
    match found.network.as_str() {
        "" | "default" | "none" => {}
        "host" => wrong.add(
            "network",
            "The network host is refused: RUN steps do not get the builder's own network. Use default or none.",
        ),
        other => wrong.add(
            "network",
            format!("There is no network {other:?}. Use default or none."),
        ),
    }
    if !found.shm_size.is_empty()
        && let Err(message) = bytes(&found.shm_size)
    {
        wrong.add("shm_size", message);
    }
    given_twice(&found, request, raw, wrong);
    found
}

/// The arguments of checked options.
pub(super) fn args(options: &BuildOptions) -> Vec<String> {
    let mut args = vec![];
    let mut opt = |key: &str, value: &str| args.extend(["--opt".to_owned(), format!("{key}={value}")]);
    if !options.target.is_empty() {
        opt("target", &options.target);
    }
    if !options.platforms.is_empty() {
        opt("platform", &options.platforms.join(","));
    }
    for (name, value) in &options.labels {
        opt(&format!("label:{name}"), value);
    }
    if options.pull {
        opt("image-resolve-mode", "pull");
    }
    if options.network == "none" {
        opt("force-network-mode", "none");
    }
    if !options.add_hosts.is_empty() {
        let hosts: Vec<String> = options
            .add_hosts
            .iter()
            .filter_map(|host| add_host(host).ok())
            .map(|(name, address)| format!("{name}={address}"))
            .collect();
        opt("add-hosts", &hosts.join(","));
    }
    if let Ok(size) = bytes(&options.shm_size) {
        opt("shm-size", &size.to_string());
    }
    if !options.ulimits.is_empty() {
        opt("ulimit", &options.ulimits.join(","));
    }
    for (flag, values) in [
        ("import-cache", &options.cache_from),
        ("export-cache", &options.cache_to),
    ] {
        let caches = values.iter().filter_map(|value| options::cache(flag, value).ok());
        args.extend(caches.flat_map(|cache| [format!("--{flag}"), cache]));
    }
    args
}

/// A setting that another one overrides would have no effect.
fn given_twice(found: &BuildOptions, request: &BuildRequest, raw: &[String], wrong: &mut Fields) {
    let field = if request.custom_build_command.trim().is_empty() {
        "additional_build_params"
    } else {
        "custom_build_command"
    };
    let mut keys: Vec<String> = args(found)
        .iter()
        .filter_map(|word| Some(word.split_once('=')?.0.to_owned()))
        .collect();
    keys.extend(request.build_args.keys().map(|name| format!("build-arg:{name}")));
    for pair in raw.chunks(2).filter(|pair| pair[0] == "--opt") {
        if let Some((key, _)) = pair.get(1).and_then(|word| word.split_once('='))
            && keys.iter().any(|known| known == key)
        {
            wrong.add(
                field,
                format!("{key} is given twice: here and as a field of the build. Give it once."),
            );
        }
    }
}

/// `NAME:TAG`, in full.
fn additional_tag(text: &str, default_tag: &str) -> Result<String, String> {
    let (its_name, its_tag) = split_tag(text);
    Ok(format!("{}:{}", name(its_name)?, tag(its_tag.unwrap_or(default_tag))?))
}

/// Name and tag of a reference without a digest.
pub(super) fn split_tag(text: &str) -> (&str, Option<&str>) {
    let last = text.rfind('/').map_or(0, |at| at + 1);
    match text[last..].find(':') {
        Some(at) => (&text[..last + at], Some(&text[last + at + 1..])),
        None => (text, None),
    }
}

fn platform(text: &str) -> Result<String, String> {
    let part = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    };
    let text = text.trim();
    if text.split('/').count() <= 3 && text.split('/').all(part) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(format!(
            "{text:?} is no platform; write e.g. linux/amd64 or linux/arm/v7."
        ))
    }
}

fn labels(labels: &BTreeMap<String, String>, wrong: &mut Fields) {
    for (name, value) in labels {
        if name.is_empty() || name.contains(|c: char| c == '=' || c.is_control() || c.is_whitespace()) {
            wrong.add("labels", format!("{name:?} is no name of a label."));
        }
        if value.contains('\0') {
            wrong.add("labels", format!("The label {name} contains a NUL character."));
        }
    }
    let total: usize = labels.iter().map(|(name, value)| name.len() + value.len()).sum();
    if total > LONGEST_LABELS {
        wrong.add(
            "labels",
            format!("The labels have {total} bytes together; {LONGEST_LABELS} is the most."),
        );
    }
}

/// `NAME:ADDRESS` or `NAME=ADDRESS`, as docker takes them.
fn add_host(text: &str) -> Result<(String, IpAddr), String> {
    let parts = text.split_once([':', '=']);
    let address = parts.map(|(_, address)| address.trim_start_matches('[').trim_end_matches(']'));
    let name = parts.map_or("", |(name, _)| name);
    let right = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    match address.and_then(|address| address.parse().ok()) {
        Some(address) if right => Ok((name.to_owned(), address)),
        _ if address == Some("host-gateway") => Err(format!(
            "{text:?}: host-gateway is the engine's own host, which builds have no way to; write an IP address."
        )),
        _ => Err(format!(
            "{text:?} is no host: write NAME:ADDRESS, e.g. db.example.com:192.0.2.7."
        )),
    }
}

/// `64m`, as docker writes sizes.
fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no size; write a number with b, k, m or g, e.g. 128m.");
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match lower[digits.len()..].trim_end_matches("ib").trim_end_matches('b') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        _ => return Err(wrong()),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(1 << shift))
        .filter(|bytes| (1..=1 << 40).contains(bytes))
        .ok_or_else(wrong)
}

/// `NAME=SOFT[:HARD]`
fn ulimit(text: &str) -> Result<String, String> {
    let wrong = || format!("{text:?} is no limit; write NAME=SOFT or NAME=SOFT:HARD, e.g. nofile=1024:2048.");
    let (name, limits) = text.split_once('=').ok_or_else(wrong)?;
    if !ULIMITS.contains(&name) {
        return Err(format!("There is no limit {name:?}. There are {}.", ULIMITS.join(", ")));
    }
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let number = |text: &str| {
        text.parse::<i64>()
            .ok()
            .filter(|number| *number >= -1)
            .ok_or_else(wrong)
    };
    let (soft, hard) = (number(soft)?, number(hard)?);
    if hard != -1 && (soft == -1 || soft > hard) {
        return Err(format!("{text:?}: the soft limit is above the hard one."));
    }
    Ok(format!("{name}={soft}:{hard}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(change: impl FnOnce(&mut BuildRequest)) -> (BuildOptions, Vec<(String, String)>) {
        let mut request = BuildRequest {
            name: "r.io/a".into(),
            tag: "1".into(),
            ..BuildRequest::default()
        };
        change(&mut request);
        let mut wrong = Fields::new();
        let raw = options::of(&mut request, &mut wrong);
        let options = of(&request, &raw, &mut wrong);
        let fields = match wrong.check() {
            Err(crate::Error::InvalidInput { fields, .. }) => fields,
            _ => vec![],
        };
        (options, fields.into_iter().map(|f| (f.field, f.message)).collect())
    }

    #[test]
    fn dockers_options_become_buildctls_arguments() {
        let (options, wrong) = checked(|r| {
            r.target = " web ".into();
            r.platforms = vec!["linux/amd64,Linux/ARM64".into(), "linux/amd64".into()];
            r.labels = BTreeMap::from([("a.b".into(), "two words, a comma".into())]);
            r.pull = true;
            r.network = "none".into();
            r.add_hosts = vec![
                "db:192.0.2.7".into(),
                "v6=[2001:db8::1]".into(),
                "w6:2001:db8::2".into(),
            ];
            r.shm_size = "64m".into();
            r.ulimits = vec!["nofile=1024:2048".into(), "core=-1".into()];
            r.cache_from = vec!["r.io/demo/cache".into()];
            r.cache_to = vec!["type=inline".into()];
        });
        assert_eq!(wrong, []);
        assert_eq!(
            args(&options).join("|"),
            "--opt|target=web|--opt|platform=linux/amd64,linux/arm64|--opt|label:a.b=two words, a comma|\
             --opt|image-resolve-mode=pull|--opt|force-network-mode=none|\
             --opt|add-hosts=db=192.0.2.7,v6=2001:db8::1,w6=2001:db8::2|--opt|shm-size=67108864|\
             --opt|ulimit=nofile=1024:2048,core=-1:-1|--import-cache|type=registry,ref=r.io/demo/cache|--export-cache|type=inline"
        );
        assert_eq!(args(&BuildOptions::default()), Vec::<String>::new());
    }

    #[test]
    fn further_tags_are_full_references() {
        let (options, wrong) = checked(|r| {
            r.additional_tags = ["r.io/a:2", "s.io:5000/b/c", "r.io/a:1", "r.io/a:2"]
                .map(str::to_owned)
                .into();
        });
        assert_eq!(wrong, []);
        assert_eq!(options.additional_tags, ["r.io/a:2", "s.io:5000/b/c:1"]);
        for tag in [
            "app",
            "r.io/A:1",
            "r.io/a:",
            "r.io/a@sha256:aa",
            "r.io/a,push=false:1",
            "r.io/a\":1",
        ] {
            let (_, wrong) = checked(|r| r.additional_tags = vec![tag.into()]);
            assert_eq!(wrong[0].0, "additional_tags", "{tag}");
        }
    }

    #[test]
    fn each_wrong_option_is_named() {
        type Change = fn(&mut BuildRequest);
        let changes: [(&str, Change); 14] = [
            ("target", |r| r.target = "a b".into()),
            ("platforms", |r| r.platforms = vec!["linux/a/b/c".into()]),
            ("platforms", |r| r.platforms = vec!["linux/arm64=x".into()]),
            ("labels", |r| _ = r.labels.insert("a=b".into(), String::new())),
            ("network", |r| r.network = "host".into()),
            ("network", |r| r.network = "bridge".into()),
            ("add_hosts", |r| r.add_hosts = vec!["a:b".into()]),
            ("add_hosts", |r| r.add_hosts = vec!["a:host-gateway".into()]),
            ("add_hosts", |r| r.add_hosts = vec!["a,b=1:192.0.2.1".into()]),
            ("shm_size", |r| r.shm_size = "64x".into()),
            ("ulimits", |r| r.ulimits = vec!["files=1".into()]),
            ("ulimits", |r| r.ulimits = vec!["nofile=2:1".into()]),
            ("cache_from", |r| r.cache_from = vec!["type=local,src=/x".into()]),
            ("cache_to", |r| r.cache_to = vec!["type=s3,bucket=x".into()]),
        ];
        for (field, change) in changes {
            let (_, wrong) = checked(change);
            assert!(wrong.len() == 1 && wrong[0].0 == field, "{field}: {wrong:?}");
        }
    }

    #[test]
    fn a_setting_is_given_in_one_place() {
        for params in ["--opt target=a", "--label x=1", "--build-arg A=2"] {
            let (_, wrong) = checked(|r| {
                r.target = "b".into();
                r.labels.insert("x".into(), "2".into());
                r.build_args.insert("A".into(), "1".into());
                r.additional_build_params = params.into();
            });
            assert_eq!(wrong.len(), 1, "{params}: {wrong:?}");
            assert!(wrong[0].0 == "additional_build_params" && wrong[0].1.contains("is given twice"));
        }
        let (_, wrong) = checked(|r| {
            r.target = "b".into();
            r.additional_build_params = "--label x=1".into();
        });
        assert_eq!(wrong, []);
    }

    #[test]
    fn sizes_are_dockers() {
        for (text, wanted) in [
            ("1", 1),
            ("2k", 2048),
            ("64M", 64 << 20),
            ("1gb", 1 << 30),
            ("1GiB", 1 << 30),
        ] {
            assert_eq!(bytes(text), Ok(wanted), "{text}");
        }
        for text in [
            "",
            "m",
            "1.5g",
            "-1",
            "1t",
            "0",
            "99999999999999999999",
            "18446744073709551615g",
        ] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}

//! The installation's registries as BuildKit's configuration file.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use crate::settings::RegistrySettings;

/// Where authorities of registries lie in the builder.
const CERTIFICATES: &str = "/etc/prt-registries";

/// The text and the files that it names: (path in the builder, path here). `bundle` is where the builder has the private
/// certificates, if it gets them: a listed registry without an authority of its own is trusted by those, also in a restricted builder.
///
/// `insecure` alone is TLS without verification and `http` alone is plain HTTP: BuildKit takes both keys as they are meant here.
pub fn buildkitd_toml(
    registries: &BTreeMap<String, RegistrySettings>,
    bundle: Option<&str>,
) -> (String, Vec<(String, PathBuf)>) {
    let mut text = String::new();
    let mut files: Vec<(String, PathBuf)> = vec![];
    for (host, registry) in registries {
        let bundle = bundle.filter(|_| !registry.http && !registry.insecure && registry.ca_file.is_none());
        if bundle.is_none() && *registry == RegistrySettings::default() {
            continue;
        }
        _ = writeln!(text, "[registry.{}]", quoted(host));
        if registry.http {
            text.push_str("  http = true\n");
        }
        if registry.insecure {
            text.push_str("  insecure = true\n");
        }
        if let Some(file) = &registry.ca_file {
            let path = certificate_path(host, file, &files);
            _ = writeln!(text, "  ca = [{}]", quoted(&path));
            if !files.iter().any(|(known, _)| *known == path) {
                files.push((path, file.clone()));
            }
        }
        if let Some(bundle) = bundle {
            _ = writeln!(text, "  ca = [{}]", quoted(bundle));
        }
    }
    (text, files)
}

fn certificate_path(host: &str, file: &Path, files: &[(String, PathBuf)]) -> String {
    if let Some((path, _)) = files.iter().find(|(_, known)| known == file) {
        return path.clone();
    }
    let name: String = host
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    format!("{CERTIFICATES}/{name}.crt")
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => _ = write!(out, "\\u{:04x}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_are_told_as_they_are_set() {
        let registries = BTreeMap::from([
            (
                "a.example.com:5443".to_owned(),
                RegistrySettings {
                    ca_file: Some("/data/ca.crt".into()),
                    ..Default::default()
                },
            ),
            (
                "b:5080".to_owned(),
                RegistrySettings {
                    http: true,
                    ..Default::default()
                },
            ),
            (
                "c".to_owned(),
                RegistrySettings {
                    insecure: true,
                    ca_file: Some("/data/ca.crt".into()),
                    ..Default::default()
                },
            ),
            ("listed.example.com".to_owned(), RegistrySettings::default()),
            (
                "odd\"\n".to_owned(),
                RegistrySettings {
                    http: true,
                    ..Default::default()
                },
            ),
        ]);
        let (text, files) = buildkitd_toml(&registries, None);
        assert_eq!(
            text,
            "[registry.\"a.example.com:5443\"]\n  ca = [\"/etc/prt-registries/a.example.com_5443.crt\"]\n\
             [registry.\"b:5080\"]\n  http = true\n\
             [registry.\"c\"]\n  insecure = true\n  ca = [\"/etc/prt-registries/a.example.com_5443.crt\"]\n\
             [registry.\"odd\\\"\\u000a\"]\n  http = true\n"
        );
        assert_eq!(
            files,
            [(
                "/etc/prt-registries/a.example.com_5443.crt".to_owned(),
                PathBuf::from("/data/ca.crt")
            )]
        );
        assert_eq!(buildkitd_toml(&BTreeMap::new(), None), (String::new(), vec![]));
        let (with_bundle, same) = buildkitd_toml(&registries, Some("/bundle.crt"));
        let listed = "[registry.\"listed.example.com\"]\n  ca = [\"/bundle.crt\"]\n";
        assert_eq!(with_bundle.replace(listed, ""), text);
        assert_eq!((with_bundle.contains(listed), same), (true, files));
    }
}

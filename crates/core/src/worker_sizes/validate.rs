//! What an admin may write into a worker size. Pure.

use prt_types::worker_sizes::WorkerSizeInput;

use crate::error::Fields;

const NAME_MAX: usize = 63;
const LABEL_MAX: usize = 63;
const PREFIX_MAX: usize = 253;
const CPU_MILLIS_MAX: i64 = 1_024_000;
const MEMORY_MIB_MAX: i64 = 64 << 20;
/// Less starts nothing.
const MEMORY_NET_MIB_MIN: i64 = 16;
const GPUS_MAX: i64 = 64;
const VRAM_GIB_MAX: i64 = 65_536;

pub(super) fn validate(input: &WorkerSizeInput) -> Fields {
    let mut fields = Fields::new();
    if !is_name(input.name.trim()) {
        let message = format!(
            "A name begins with a letter or digit and has letters, digits, -, _ and . only, at most {NAME_MAX}."
        );
        fields.add("name", message);
    }
    between(
        &mut fields,
        "cpu_millis",
        input.cpu_millis,
        1,
        CPU_MILLIS_MAX,
        "thousandths of a core",
    );
    net(
        &mut fields,
        "cpu_net_millis",
        input.cpu_net_millis,
        1,
        input.cpu_millis,
        "m",
    );
    between(
        &mut fields,
        "memory_mib",
        input.memory_mib,
        MEMORY_NET_MIB_MIN,
        MEMORY_MIB_MAX,
        "MiB",
    );
    net(
        &mut fields,
        "memory_net_mib",
        input.memory_net_mib,
        MEMORY_NET_MIB_MIN,
        input.memory_mib,
        " MiB",
    );
    between(&mut fields, "gpus", input.gpus, 0, GPUS_MAX, "GPUs");
    between(&mut fields, "gpu_vram_gib", input.gpu_vram_gib, 0, VRAM_GIB_MAX, "GiB");
    let gpu_type = input.gpu_type.trim();
    if !is_label_value(gpu_type) {
        fields.add(
            "gpu_type",
            format!("{gpu_type} is not a Kubernetes label value. {LABEL_RULE}"),
        );
    }
    if input.gpus == 0 && (!gpu_type.is_empty() || input.gpu_vram_gib > 0) {
        let field = if gpu_type.is_empty() {
            "gpu_vram_gib"
        } else {
            "gpu_type"
        };
        fields.add(field, "A size without GPUs has none of this.");
    }
    for (key, value) in &input.node_selector {
        if !is_label_key(key) {
            let message =
                format!("{key} is not a Kubernetes label key: [prefix/]name, the prefix a DNS name. {LABEL_RULE}");
            fields.add("node_selector", message);
        } else if !is_label_value(value) {
            let message = format!("{key}={value}: {value} is not a Kubernetes label value. {LABEL_RULE}");
            fields.add("node_selector", message);
        }
    }
    fields
}

const LABEL_RULE: &str = "At most 63 letters, digits, -, _ and ., with a letter or digit at both ends.";

fn between(fields: &mut Fields, field: &str, value: i64, low: i64, high: i64, unit: &str) {
    if !(low..=high).contains(&value) {
        fields.add(field, format!("Between {low} and {high} {unit}."));
    }
}

fn net(fields: &mut Fields, field: &str, value: i64, low: i64, gross: i64, unit: &str) {
    if value < low {
        fields.add(field, format!("At least {low}{unit}."));
    } else if value > gross {
        fields.add(
            field,
            format!("Net ({value}{unit}) cannot be more than gross ({gross}{unit})."),
        );
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= NAME_MAX && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(is_label_char)
}

fn is_label_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set>
fn is_label_value(value: &str) -> bool {
    value.is_empty() || is_label_name(value)
}

fn is_label_name(name: &str) -> bool {
    let ends = |c: char| c.is_ascii_alphanumeric();
    name.len() <= LABEL_MAX && name.starts_with(ends) && name.ends_with(ends) && name.chars().all(is_label_char)
}

fn is_label_key(key: &str) -> bool {
    match key.split_once('/') {
        None => is_label_name(key),
        Some((prefix, name)) => is_label_name(name) && is_subdomain(prefix),
    }
}

/// RFC 1123, lower case.
fn is_subdomain(text: &str) -> bool {
    let part = |part: &str| {
        let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        part.len() <= LABEL_MAX
            && part.starts_with(ends)
            && part.ends_with(ends)
            && part.chars().all(|c| ends(c) || c == '-')
    };
    text.len() <= PREFIX_MAX && text.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use prt_types::worker_sizes::WorkerSizeInput;

    use super::*;
    use crate::error::Error;

    fn input() -> WorkerSizeInput {
        WorkerSizeInput {
            name: "Medium".into(),
            cpu_millis: 2000,
            cpu_net_millis: 1900,
            memory_mib: 4096,
            memory_net_mib: 3840,
            ..WorkerSizeInput::default()
        }
    }

    fn wrong(input: &WorkerSizeInput) -> Vec<String> {
        match validate(input).check() {
            Err(Error::InvalidInput { fields, .. }) => fields.into_iter().map(|field| field.field).collect(),
            Ok(()) => vec![],
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn net_is_at_most_gross() {
        assert!(wrong(&input()).is_empty());
        let equal = WorkerSizeInput {
            cpu_net_millis: 2000,
            memory_net_mib: 4096,
            ..input()
        };
        assert!(wrong(&equal).is_empty());
        let more = WorkerSizeInput {
            cpu_net_millis: 2001,
            memory_net_mib: 4097,
            ..input()
        };
        assert_eq!(wrong(&more), ["cpu_net_millis", "memory_net_mib"]);
        let nothing = WorkerSizeInput {
            name: "x".into(),
            ..WorkerSizeInput::default()
        };
        assert_eq!(
            wrong(&nothing),
            ["cpu_millis", "cpu_net_millis", "memory_mib", "memory_net_mib"]
        );
    }

    #[test]
    fn gpu_words_need_gpus() {
        let of = |gpus, gpu_vram_gib, gpu_type: &str| {
            wrong(&WorkerSizeInput {
                gpus,
                gpu_vram_gib,
                gpu_type: gpu_type.into(),
                ..input()
            })
        };
        assert!(of(1, 80, "nvidia-a100").is_empty());
        assert_eq!(of(0, 80, ""), ["gpu_vram_gib"]);
        assert_eq!(of(0, 0, "a100"), ["gpu_type"]);
        assert_eq!(of(-1, 0, ""), ["gpus"]);
        assert_eq!(of(1, 0, "a 100"), ["gpu_type"]);
    }

    #[test]
    fn node_selectors_are_kubernetes_labels() {
        for key in ["disktype", "node.kubernetes.io/instance-type", "a_B.c", "x/y"] {
            assert!(is_label_key(key), "{key}");
        }
        for key in ["", "/x", "x/", "a b", "-a", "a-", "UPPER/x", "a/b/c", "ä", "a..b/x"] {
            assert!(!is_label_key(key), "{key}");
        }
        for value in ["", "ssd", "a.b_c-d", "A"] {
            assert!(is_label_value(value), "{value}");
        }
        let long = "x".repeat(64);
        for value in ["-a", "a=", "a b", long.as_str()] {
            assert!(!is_label_value(value), "{value}");
        }
    }
}

//! CPU, memory and GPUs in words, and how a builder shares them.

use prt_types::worker_sizes::{Limits, WorkerSizeView};

/// `2 CPU, 4 GB, 1 GPU`
pub fn text(limits: &Limits) -> String {
    let mut out = format!(
        "{} CPU, {}",
        decimal(limits.cpu_millis, 1000),
        memory(limits.memory_mib)
    );
    if limits.gpus > 0 {
        out.push_str(&format_gpus(limits.gpus));
    }
    out
}

fn format_gpus(gpus: i64) -> String {
    if gpus == 1 {
        ", 1 GPU".to_owned()
    } else {
        format!(", {gpus} GPUs")
    }
}

fn memory(mib: i64) -> String {
    if mib < 1024 {
        format!("{mib} MiB")
    } else {
        format!("{} GiB", decimal(mib, 1024))
    }
}

/// At most two decimals, none that are zero.
fn decimal(value: i64, unit: i64) -> String {
    let text = format!("{:.2}", value as f64 / unit as f64);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What a size gives, with the memory of its GPUs.
pub fn of_size(size: &WorkerSizeView) -> String {
    let text = text(&net(size));
    match size.gpu_vram_gib {
        0 => text,
        vram => format!("{text} with {vram} GiB VRAM"),
    }
}

/// What the containers of a size get together.
pub fn net(size: &WorkerSizeView) -> Limits {
    Limits {
        cpu_millis: size.cpu_net_millis,
        memory_mib: size.memory_net_mib,
        gpus: size.gpus,
    }
}

/// How core will divide a size: the builder gets whole units rounded down, the primary container the rest.
pub fn split(limits: Limits, capacity: i64) -> (Limits, Limits) {
    let part = |value: i64| value * capacity / 100;
    let builder = Limits {
        cpu_millis: part(limits.cpu_millis),
        memory_mib: part(limits.memory_mib),
        gpus: part(limits.gpus),
    };
    let primary = Limits {
        cpu_millis: limits.cpu_millis - builder.cpu_millis,
        memory_mib: limits.memory_mib - builder.memory_mib,
        gpus: limits.gpus - builder.gpus,
    };
    (primary, builder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        assert_eq!(
            text(&Limits {
                cpu_millis: 2000,
                memory_mib: 4096,
                gpus: 0
            }),
            "2 CPU, 4 GiB"
        );
        assert_eq!(
            text(&Limits {
                cpu_millis: 250,
                memory_mib: 512,
                gpus: 1
            }),
            "0.25 CPU, 512 MiB, 1 GPU"
        );
        assert_eq!(
            text(&Limits {
                cpu_millis: 1900,
                memory_mib: 3900,
                gpus: 2
            }),
            "1.9 CPU, 3.81 GiB, 2 GPUs"
        );
    }

    #[test]
    fn the_parts_add_up() {
        let limits = Limits {
            cpu_millis: 1901,
            memory_mib: 3901,
            gpus: 1,
        };
        for capacity in 1..100 {
            let (primary, builder) = split(limits, capacity);
            assert_eq!(primary.cpu_millis + builder.cpu_millis, limits.cpu_millis);
            assert_eq!(primary.memory_mib + builder.memory_mib, limits.memory_mib);
            assert_eq!(primary.gpus + builder.gpus, limits.gpus);
        }
    }
}

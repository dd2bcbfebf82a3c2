//! What `size create` and `size update` take.

use prt_types::{security_contexts::SecurityContext, worker_sizes::WorkerSizeInput};

use crate::params::merge::{list, put};

/// Each is left as it is if it is not named.
#[derive(Debug, clap::Args)]
pub struct SizeFields {
    /// Gross CPU in cores, e.g. 2 or 0.5
    #[arg(long, value_name = "CORES", value_parser = millis)]
    cpu: Option<i64>,
    /// Net CPU in thousandths of a core: what the containers get together
    #[arg(long, value_name = "M")]
    cpu_net: Option<i64>,
    /// Gross memory in GiB, e.g. 4 or 0.5
    #[arg(long, value_name = "GB", value_parser = mebibytes)]
    memory: Option<i64>,
    /// Net memory in MiB: what the containers get together
    #[arg(long, value_name = "MB")]
    memory_net: Option<i64>,
    /// Whole GPUs
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true)]
    gpus: Option<i64>,
    /// Video memory in GiB
    #[arg(long, value_name = "GB", allow_negative_numbers = true)]
    gpu_vram: Option<i64>,
    /// The kind of GPU; empty = any
    #[arg(long, value_name = "LABEL")]
    gpu_type: Option<String>,
    /// A label of the nodes that it runs on; replaces those before; --node-selector= for none
    #[arg(long, value_name = "KEY=VALUE")]
    node_selector: Vec<String>,
    /// Default, Restricted, Privileged or one of your own
    #[arg(long, value_name = "NAME")]
    security_context: Option<String>,
    /// Make it the default size
    #[arg(long = "default")]
    make_default: bool,
    /// A user with access; replaces those before; --user= for none
    #[arg(long = "user", value_name = "NAME")]
    users: Vec<String>,
    /// A group with access; replaces those before; --group= for none
    #[arg(long = "group", value_name = "NAME")]
    groups: Vec<String>,
    /// Say that access to a privileged security context is meant
    #[arg(long)]
    confirm_privileged: bool,
}

impl SizeFields {
    /// Puts what was named over `input`.
    pub fn over(self, mut input: WorkerSizeInput) -> Result<WorkerSizeInput, String> {
        put(&mut input.cpu_millis, self.cpu);
        put(&mut input.cpu_net_millis, self.cpu_net);
        put(&mut input.memory_mib, self.memory);
        put(&mut input.memory_net_mib, self.memory_net);
        put(&mut input.gpus, self.gpus);
        put(&mut input.gpu_vram_gib, self.gpu_vram);
        put(&mut input.gpu_type, self.gpu_type);
        put(
            &mut input.security_context,
            self.security_context.map(SecurityContext::from),
        );
        put(&mut input.users, list(self.users));
        put(&mut input.groups, list(self.groups));
        if let Some(pairs) = list(self.node_selector) {
            input.node_selector = pairs
                .iter()
                .map(|pair| match pair.split_once('=') {
                    Some((key, value)) => Ok((key.trim().to_owned(), value.trim().to_owned())),
                    None => Err(format!("--node-selector {pair}: KEY=VALUE is expected")),
                })
                .collect::<Result<_, String>>()?;
        }
        input.default |= self.make_default;
        input.confirm_privileged = self.confirm_privileged;
        Ok(input)
    }
}

fn millis(text: &str) -> Result<i64, String> {
    thousandths(text, 1000)
}

fn mebibytes(text: &str) -> Result<i64, String> {
    thousandths(text, 1024)
}

fn thousandths(text: &str, unit: i64) -> Result<i64, String> {
    prt_types::worker_sizes::units(text, unit).ok_or_else(|| "a number such as 2 or 0.5 is expected".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        fields: SizeFields,
    }

    fn over(args: &[&str], input: WorkerSizeInput) -> Result<WorkerSizeInput, String> {
        let line = Line::try_parse_from([&["x"], args].concat()).map_err(|error| error.to_string())?;
        line.fields.over(input)
    }

    #[test]
    fn what_is_not_named_stays() {
        let before = WorkerSizeInput {
            cpu_millis: 500,
            users: vec!["ada".into()],
            groups: vec!["dev".into()],
            ..WorkerSizeInput::default()
        };
        let after = over(&["--memory", "1.5", "--group=", "--node-selector", "disk=ssd"], before).unwrap();
        assert_eq!(after.cpu_millis, 500);
        assert_eq!(after.memory_mib, 1536);
        assert_eq!(after.users, ["ada"]);
        assert!(after.groups.is_empty());
        assert_eq!(after.node_selector["disk"], "ssd");
        assert!(over(&["--cpu", "two"], WorkerSizeInput::default()).is_err());
        assert!(over(&["--node-selector", "disk"], WorkerSizeInput::default()).is_err());
    }
}

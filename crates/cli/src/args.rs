//! The command line: what all commands share.

use std::path::PathBuf;

use clap::{Args, Parser};

use crate::{
    commands::Command,
    output::{ColorWhen, Format},
};

/// Start workers, build container images in them, and watch it live.
#[derive(Debug, Parser)]
#[command(name = "prtcli", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 wrong use, 3 not allowed.\n\
    The saved login is in $XDG_CONFIG_HOME/prt/login.toml; options and PRT_* variables go before it.")]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Address of the console, e.g. http://localhost:8080
    #[arg(long, global = true, env = "PRT_URL", value_name = "URL")]
    pub url: Option<String>,
    /// API token. Other users of this machine can see options: prefer PRT_TOKEN, a file or `login`
    #[arg(long, global = true, env = "PRT_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub token: Option<String>,
    /// File with the API token; inside a worker it is set
    #[arg(long, global = true, env = "PRT_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// What to print
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Format,
    /// When to use colours; NO_COLOR is honoured
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: ColorWhen,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_seeds_command_is_understood() {
        let cli = Cli::try_parse_from([
            "prtcli",
            "build-container-image",
            "-p",
            "name=my-registry.practicus.my-company.com/my-project/my-image",
            "tag=25.5.3",
            "build_args={\"ENV_VAR\": \"value\"}",
            "registry_credentials=[(\"my-registry.practicus.my-company.com\", \"my-robot-user\", \"token\")]",
        ])
        .unwrap();
        let Command::BuildContainerImage(args) = cli.command else {
            panic!("{:?}", cli.command)
        };
        assert_eq!(args.params.len(), 4);
    }

    #[test]
    fn both_kinds_of_build_command_stand_beside_each_other() {
        for line in [
            "prtcli build -t a:b",
            "prtcli build . -t a:b --push --build-arg A=1 --build-arg B=2 -f x/Dockerfile --worker W --no-cache",
            "prtcli builds list --output json",
            "prtcli builds logs 12 --follow",
            "prtcli --url http://x worker exec W -- ls -la --all",
            "prtcli worker terminate A B --reason done",
            "prtcli build-container-image -p name=a -p tag=b --worker W",
            "prtcli build . -t a:b --registry-secret corp-robot --registry-secret mine",
            "prtcli worker create -i a --repo-secret-name corp-robot",
            "prtcli credential create corp-robot -r h:5000 -u robot --for-group dev --expires 2027-01-31",
            "prtcli secret set HF_TOKEN",
            "prtcli secret set S3_KEY --shared --for-group Everyone --for-user a --value-file x",
            "prtcli secrets ls",
            "prtcli worker create -i a --personal-secret A --shared-secret B --additional-param nodes=3",
            "prtcli credentials ls",
            "prtcli credential test corp-robot",
        ] {
            Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
        for line in [
            "prtcli build -t a --push --no-push",
            "prtcli worker exec W",
            "prtcli builds show x",
            "prtcli credential create x -r h -u u --everyone --for-user a",
            "prtcli credential create x -r h -u u --expires tomorrow",
            "prtcli build .",
            "prtcli secret set HF_TOKEN value",
            "prtcli secret set A --for-user b",
        ] {
            assert_eq!(
                Cli::try_parse_from(line.split(' ')).unwrap_err().exit_code(),
                2,
                "{line}"
            );
        }
    }
}

//! The command line of a build.

use std::collections::BTreeMap;

/// What `buildctl build` is told. There is no place for a password here: a command line can be read by others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildCommand<'a> {
    /// `name:tag` of the result.
    pub reference: &'a str,
    /// Further names of it.
    pub additional_tags: &'a [String],
    /// Docker's media types instead of OCI's, or the other way round; unset = as BuildKit does.
    pub oci_mediatypes: Option<bool>,
    /// Folder of the context in the builder.
    pub context: &'a str,
    /// Folder that holds the Dockerfile as it was when the build was asked for.
    pub dockerfile_folder: &'a str,
    /// Its name there.
    pub dockerfile_name: &'a str,
    /// Values for `ARG`.
    pub build_args: &'a BTreeMap<String, String>,
    /// Push the result.
    pub push: bool,
    /// Push over plain HTTP or unverified TLS.
    pub insecure_registry: bool,
    /// Leave the cache unused.
    pub no_cache: bool,
    /// Further arguments, checked.
    pub options: &'a [String],
    /// Where `buildctl` writes the digest of the result.
    pub metadata_file: &'a str,
}

impl BuildCommand<'_> {
    /// Program and arguments.
    pub fn argv(&self) -> Vec<String> {
        let mut argv: Vec<String> = ["buildctl", "build", "--progress=rawjson", "--frontend", "dockerfile.v0"]
            .map(String::from)
            .into();
        let mut option = |name: &str, value: String| argv.extend([name.to_owned(), value]);
        option("--local", format!("context={}", self.context));
        option("--local", format!("dockerfile={}", self.dockerfile_folder));
        option("--opt", format!("filename={}", self.dockerfile_name));
        for (name, value) in self.build_args {
            option("--opt", format!("build-arg:{name}={value}"));
        }
        // A comma parts the attributes, unless it stands in quotation marks.
        let name = match self.additional_tags {
            [] => format!("name={}", self.reference),
            more => format!("\"name={},{}\"", self.reference, more.join(",")),
        };
        let mut output = format!("type=image,{name},push={}", self.push);
        // The exporter then gives that time to the files too, and the same inputs come to the same digest in every builder.
        if self.build_args.contains_key("SOURCE_DATE_EPOCH") {
            output.push_str(",rewrite-timestamp=true");
        }
        if let Some(oci) = self.oci_mediatypes {
            output.push_str(if oci {
                ",oci-mediatypes=true"
            } else {
                ",oci-mediatypes=false"
            });
        }
        if self.insecure_registry {
            output.push_str(",registry.insecure=true");
        }
        option("--output", output);
        option("--metadata-file", self.metadata_file.to_owned());
        if self.no_cache {
            argv.push("--no-cache".to_owned());
        }
        argv.extend_from_slice(self.options);
        argv
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(change: impl FnOnce(&mut BuildCommand<'_>)) -> String {
        let build_args = BTreeMap::from([
            ("B".to_owned(), "two words, a comma".to_owned()),
            ("A".to_owned(), String::new()),
        ]);
        let mut command = command(&build_args);
        change(&mut command);
        command.argv().join("|")
    }

    fn command(build_args: &BTreeMap<String, String>) -> BuildCommand<'_> {
        BuildCommand {
            reference: "registry.example.com:5000/demo/app:1.0",
            additional_tags: &[],
            oci_mediatypes: None,
            context: "/build",
            dockerfile_folder: "/tmp/prt-builds/7",
            dockerfile_name: "Dockerfile",
            build_args,
            push: true,
            insecure_registry: false,
            no_cache: false,
            options: &[],
            metadata_file: "/tmp/prt-builds/7/metadata",
        }
    }

    #[test]
    fn a_push() {
        assert_eq!(
            argv(|_| {}),
            "buildctl|build|--progress=rawjson|--frontend|dockerfile.v0|--local|context=/build|--local|dockerfile=/tmp/prt-builds/7|\
             --opt|filename=Dockerfile|--opt|build-arg:A=|--opt|build-arg:B=two words, a comma|\
             --output|type=image,name=registry.example.com:5000/demo/app:1.0,push=true|--metadata-file|/tmp/prt-builds/7/metadata"
        );
    }

    #[test]
    fn the_switches_change_only_their_part() {
        assert!(
            argv(|c| c.push = false).contains("|type=image,name=registry.example.com:5000/demo/app:1.0,push=false|")
        );
        assert!(argv(|c| c.insecure_registry = true).contains(",push=true,registry.insecure=true|"));
        assert!(argv(|c| c.no_cache = true).ends_with("|--no-cache"));
        let options = ["--opt".to_owned(), "target=web".to_owned()];
        let none = BTreeMap::new();
        let with_options = BuildCommand {
            options: &options,
            ..command(&none)
        };
        assert!(with_options.argv().join("|").ends_with("/metadata|--opt|target=web"));
        let epoch = BTreeMap::from([("SOURCE_DATE_EPOCH".to_owned(), "0".to_owned())]);
        assert!(
            command(&epoch)
                .argv()
                .join("|")
                .contains(",push=true,rewrite-timestamp=true|")
        );
        let more = ["r.io/a:2".to_owned(), "s.io/b:1".to_owned()];
        let several = BuildCommand {
            additional_tags: &more,
            oci_mediatypes: Some(false),
            ..command(&none)
        };
        let names = "|type=image,\"name=registry.example.com:5000/demo/app:1.0,r.io/a:2,s.io/b:1\",push=true,oci-mediatypes=false|";
        assert!(several.argv().join("|").contains(names));
        let other = argv(|c| {
            c.context = "/build/app";
            c.dockerfile_name = "web.Dockerfile";
        });
        assert!(other.contains("|context=/build/app|") && other.contains("|filename=web.Dockerfile|"));
    }
}

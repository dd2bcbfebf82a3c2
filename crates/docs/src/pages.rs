//! Which pages there are, in the order of reading.

/// A part of the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Read one after the other.
    Tutorial,
    /// For admins of the installation.
    Operation,
    /// Looked up; made from the code by `scripts/docs.sh`.
    Reference,
    /// Files to copy.
    Example,
}

impl Section {
    /// The heading over its pages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tutorial => "Tutorial",
            Self::Operation => "Run the console",
            Self::Reference => "Reference",
            Self::Example => "Files to copy",
        }
    }
}

/// A page.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Where it is: below `docs/` without `.md`, and below `/docs/` in the console.
    pub path: &'static str,
    /// Its part.
    pub section: Section,
    /// One sentence for the index.
    pub about: &'static str,
    /// The file's text.
    pub source: &'static str,
}

impl Page {
    /// The first heading, or the file's name.
    pub fn title(&self) -> &'static str {
        let heading = self.source.lines().find_map(|line| line.strip_prefix("# "));
        match self.section {
            Section::Tutorial | Section::Operation | Section::Reference => heading.unwrap_or(self.path).trim(),
            Section::Example => self.path.rsplit('/').next().unwrap_or(self.path),
        }
    }

    /// The text without its last line of links, which is for git viewers: the console has [`Page::neighbours`].
    pub fn body(&self) -> &'static str {
        match self.source.rsplit_once("\n---\n\n") {
            Some((body, links)) if links.starts_with("Previous: ") || links.starts_with("Next: ") => body,
            _ => self.source,
        }
    }

    /// The pages before and after it; only the tutorial has an order.
    pub fn neighbours(&self) -> (Option<&'static Page>, Option<&'static Page>) {
        let ordered: Vec<&Page> = PAGES.iter().filter(|page| page.section == Section::Tutorial).collect();
        match ordered.iter().position(|page| page.path == self.path) {
            Some(at) => (
                at.checked_sub(1).map(|before| ordered[before]),
                ordered.get(at + 1).copied(),
            ),
            None => (None, None),
        }
    }
}

macro_rules! pages {
    ($($section:ident $path:literal $file:literal $about:literal;)+) => {
        /// All pages.
        pub const PAGES: &[Page] = &[$(Page {
            path: $path,
            section: Section::$section,
            about: $about,
            source: include_str!(concat!("../../../docs/", $file)),
        }),+];
    };
}

pages! {
    Tutorial "tutorial/start-a-builder-worker" "tutorial/start-a-builder-worker.md" "A worker with a builder beside it.";
    Tutorial "tutorial/build-and-push" "tutorial/build-and-push.md" "From a Dockerfile to an image in a registry.";
    Tutorial "tutorial/use-the-image" "tutorial/use-the-image.md" "A worker on the image that was built, and who may start one.";
    Tutorial "tutorial/notebooks" "tutorial/notebooks.md" "JupyterLab in the worker, and the names that it needs.";
    Tutorial "tutorial/configure-the-build-service" "tutorial/configure-the-build-service.md" "Registries without TLS, mirrors, parallel steps.";
    Tutorial "tutorial/certificates" "tutorial/certificates.md" "Registries with certificates of one's own, and client certificates.";
    Tutorial "tutorial/builders" "tutorial/builders.md" "Restricted, privileged, and a builder of one's own.";
    Tutorial "tutorial/credentials" "tutorial/credentials.md" "Logins for registries: by name, for pulls, for pushes.";
    Tutorial "tutorial/ci-cd" "tutorial/ci-cd.md" "A build on each commit, with a token that can only build.";
    Tutorial "tutorial/command-line" "tutorial/command-line.md" "prtcli in daily use.";
    Tutorial "tutorial/clean-up" "tutorial/clean-up.md" "End the workers; what stays.";
    Operation "operations" "operations.md" "Back up, restore, upgrade; what to do when something is missing or full.";
    Reference "reference/prtcli" "reference/prtcli.md" "Every command and option of prtcli.";
    Reference "reference/practicuscore" "reference/practicuscore.md" "Every class and function of the Python SDK.";
    Reference "reference/rest" "reference/rest.md" "The addresses of the REST API.";
    Reference "reference/configuration" "reference/configuration.md" "The settings of the console itself.";
    Example "ci/github-workflow.yml" "ci/github-workflow.yml" "A workflow that builds on each commit.";
    Example "ci/build.sh" "ci/build.sh" "The same as a shell script.";
}

/// The page at a path.
pub fn page(path: &str) -> Option<&'static Page> {
    PAGES.iter().find(|page| page.path == path)
}

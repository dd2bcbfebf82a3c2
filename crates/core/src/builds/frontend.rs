//! Which frontend images a build may name.

use super::validate::Inputs;
use crate::{
    Orchestrator,
    buildkit::frontend::{SYNTAX_ARG, name, of_argument, of_dockerfile, short},
    error::{Fields, Result},
};

/// An allowed frontend image that a build names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frontend {
    /// `host/repository`.
    pub name: String,
    /// Named by its content: a builder that has that already asks no registry for it.
    pub by_digest: bool,
}

impl Orchestrator {
    /// The frontends that the arguments of a build name, each of them allowed.
    pub(super) fn frontends_in_arguments(&self, inputs: &Inputs) -> Result<Vec<Frontend>> {
        let typed = inputs
            .build_args
            .get(SYNTAX_ARG)
            .map(|value| ("build_args", value.as_str()));
        let field = if inputs.custom_build_command.is_empty() {
            "additional_build_params"
        } else {
            "custom_build_command"
        };
        let option = format!("build-arg:{SYNTAX_ARG}=");
        let others = inputs
            .options
            .iter()
            .filter_map(|word| Some((field, word.strip_prefix(&option)?)));
        let mut wrong = Fields::new();
        let mut names = vec![];
        for (field, value) in typed.into_iter().chain(others) {
            match self.frontend_allowed(of_argument(value), &format!("The build argument {SYNTAX_ARG}")) {
                Ok(name) => names.push(name),
                Err(message) => wrong.add(field, message),
            }
        }
        wrong.check()?;
        Ok(names)
    }

    /// The frontend that a Dockerfile names, if it names one; it is allowed.
    pub(super) fn frontend_in_dockerfile(&self, text: &str) -> Result<Option<Frontend>> {
        let mut wrong = Fields::new();
        let named = of_dockerfile(text).and_then(|image| {
            self.frontend_allowed(&image, "The syntax directive of the Dockerfile")
                .map_err(|message| wrong.add("dockerfile", message))
                .ok()
        });
        wrong.check()?;
        Ok(named)
    }

    fn frontend_allowed(&self, image: &str, which: &str) -> std::result::Result<Frontend, String> {
        let allowed = &self.inner.settings.allowed_frontends;
        let named = name(image);
        if let Some(known) = named.as_ref().ok().filter(|name| allowed.contains(name)) {
            return Ok(Frontend {
                name: known.clone(),
                by_digest: image.contains('@'),
            });
        }
        let admins = match &named {
            Ok(name) => format!("ask an admin to add {} to the setting allowed_frontends", short(name)),
            Err(_) => "name an allowed one".to_owned(),
        };
        let known = match allowed.as_slice() {
            [] => "none besides the builder's own".to_owned(),
            names => names.iter().map(|name| short(name)).collect::<Vec<_>>().join(", "),
        };
        Err(format!(
            "{which} names the frontend {image:?}, which is not allowed: a frontend can read the build's passwords. Allowed: {known}. \
             Remove it to use the builder's own frontend, or {admins}."
        ))
    }
}

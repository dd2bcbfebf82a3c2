//! What others share with a user is used by their builds and not read by them.
//!
//! A builder can read what a build uses. The platform's builder does not show it; a builder image of the user's own could, and so could a
//! frontend image that comes from a place of the user's choice.

use prt_types::{build_config::BuildConfigMode, workers::ContainerRole};

use super::frontend::Frontend;
use crate::{
    Orchestrator,
    buildkit::{config::docker_hub, frontend::short},
    error::{Error, Result},
    images::{ImageRef, host_of},
    op_context::Actor,
    store::{Repository, Worker},
};

impl Orchestrator {
    /// Refuses the use of `shared`, credentials and secrets by name, in a builder that could show them. `frontends` are the images that
    /// the build names to read its Dockerfile.
    pub(super) async fn shared_authorize(
        &self,
        tx: &mut dyn Repository,
        actor: &Actor,
        worker: &Worker,
        shared: &[String],
        frontends: &[Frontend],
    ) -> Result<()> {
        if shared.is_empty() {
            return Ok(());
        }
        let names = shared.join(", ");
        if let Some(image) = self.own_builder_image(worker)
            && !self.builder_image_trusted(tx, actor, image).await?
        {
            return Err(Error::forbidden(
                format!(
                    "The builder of {} runs the custom image {image}, which is not trusted with what others share: {names}.",
                    worker.name()
                ),
                "Build in a worker with the platform's builder, or use a credential or secret of your own. An admin can allow the image: \
                 \"Trusted with shared credentials\" at its rule in Infrastructure > Container Images.",
            ));
        }
        let Some(config) = tx.build_config(worker.id).await? else {
            return Ok(());
        };
        let registries = match config.active.mode {
            BuildConfigMode::Default => vec![],
            BuildConfigMode::Simple | BuildConfigMode::Full => registries(&config.active.text),
        };
        // What an earlier configuration brought is still in the builder, where its digest finds it.
        let elsewhere =
            |frontend: &&Frontend| frontend.by_digest || registries.iter().any(|host| host == host_of(&frontend.name));
        match frontends.iter().find(elsewhere) {
            None => Ok(()),
            Some(frontend) => Err(Error::forbidden(
                format!(
                    "The build configuration of {} was changed, so the frontend {} may come from elsewhere than {}: it could read what \
                     others share with you: {names}.",
                    worker.name(),
                    short(&frontend.name),
                    host_of(&frontend.name)
                ),
                "Remove the syntax line from the Dockerfile to use the builder's own frontend, or build in another worker.",
            )),
        }
    }

    /// The image of a worker's builder, unless it is the platform's.
    fn own_builder_image<'a>(&self, worker: &'a Worker) -> Option<&'a str> {
        let settings = &self.inner.settings;
        let ours = [&settings.builder_image, &settings.privileged_builder_image];
        worker
            .planned
            .iter()
            .find(|container| container.role == ContainerRole::Builder)
            .map(|container| &container.image)
            .filter(|image| !ours.contains(image))
            .map(String::as_str)
    }

    async fn builder_image_trusted(&self, tx: &mut dyn Repository, actor: &Actor, image: &str) -> Result<bool> {
        let settings = &self.inner.settings;
        match ImageRef::resolve(image, &settings.default_registry, &settings.platform_version) {
            Ok(image) => self.image_trusted(tx, actor, &image).await,
            Err(_) => Ok(false),
        }
    }
}

/// The registries that a configuration says something about.
fn registries(text: &str) -> Vec<String> {
    let Ok(document) = text.parse::<toml_edit::DocumentMut>() else {
        return vec![];
    };
    // BuildKit does not mind how its keys are written.
    document
        .iter()
        .filter(|(key, _)| key.eq_ignore_ascii_case("registry"))
        .filter_map(|(_, item)| item.as_table_like())
        .flat_map(toml_edit::TableLike::iter)
        .map(|(host, _)| docker_hub(&host.to_ascii_lowercase()).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_names_registries() {
        let text = "debug = true\n[registry.\"Docker.io\"]\nmirrors = [\"m.example.com\"]\n[registry.\"r.io:5000\"]\nhttp = true\n";
        assert_eq!(registries(text), ["docker.io", "r.io:5000"]);
        assert_eq!(registries("Registry.\"index.docker.io\".http = true"), ["docker.io"]);
        assert!(registries("").is_empty());
    }
}

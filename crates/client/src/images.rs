//! Container Image rules, image choices and worker sizes.

use prt_types::{
    container_images::{ContainerImageInput, ContainerImageView, ImageCheck, ImageChoice},
    ids::ContainerImageId,
    worker_sizes::WorkerSizeView,
};
use reqwest::Method;

use crate::{Client, Result, request::with_query};

impl Client {
    /// All rules.
    pub async fn container_images(&self) -> Result<Vec<ContainerImageView>> {
        self.get(self.url(&["container-images"])).await
    }

    /// Makes a rule.
    pub async fn container_image_create(&self, input: &ContainerImageInput) -> Result<ContainerImageView> {
        self.send(Method::POST, self.url(&["container-images"]), input).await
    }

    /// One rule.
    pub async fn container_image(&self, id: ContainerImageId) -> Result<ContainerImageView> {
        self.get(self.url(&["container-images", &id.to_string()])).await
    }

    /// Replaces a rule.
    pub async fn container_image_update(
        &self,
        id: ContainerImageId,
        input: &ContainerImageInput,
    ) -> Result<ContainerImageView> {
        self.send(Method::PUT, self.url(&["container-images", &id.to_string()]), input)
            .await
    }

    /// Removes a rule.
    pub async fn container_image_delete(&self, id: ContainerImageId) -> Result<()> {
        self.delete(self.url(&["container-images", &id.to_string()])).await
    }

    /// What a reference means, and whether the asker may run it.
    pub async fn image_check(&self, image: &str) -> Result<ImageCheck> {
        self.get(with_query(
            self.url(&["container-images", "check"]),
            "image",
            Some(image),
        ))
        .await
    }

    /// The images that the asker may run.
    pub async fn image_choices(&self) -> Result<Vec<ImageChoice>> {
        self.get(self.url(&["container-images", "choices"])).await
    }

    /// The sizes that the asker may use.
    pub async fn worker_sizes(&self) -> Result<Vec<WorkerSizeView>> {
        self.get(self.url(&["worker-sizes"])).await
    }
}

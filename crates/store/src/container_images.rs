//! Container Image rules with their grants.

use async_trait::async_trait;
use prt_core::store::{ContainerImage, ContainerImageRepository, StoreResult};
use prt_types::ids::ContainerImageId;
use sqlx::any::AnyRow;

use crate::{
    grants::OF_CONTAINER_IMAGES,
    repository::AnyRepository,
    row::Row,
    statement::{Statement, sql},
};

const SELECT: &str = "SELECT id, image, service_type, name, description, version, minimum_version, recommended_version, \
    pull_policy, repo_username, repo_password_sealed, repo_credential_id, trusted_with_credentials, startup_script, sort_order, revision, \
    created_ms, updated_ms \
    FROM container_images";

const INSERT: &str = "INSERT INTO container_images (id, image, service_type, name, description, version, minimum_version, \
    recommended_version, pull_policy, repo_username, repo_password_sealed, startup_script, sort_order, revision, updated_ms, \
    repo_credential_id, trusted_with_credentials, created_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, \
    $16, $17, $18)";

const UPDATE: &str = "UPDATE container_images SET image = $2, service_type = $3, name = $4, description = $5, version = $6, \
    minimum_version = $7, recommended_version = $8, pull_policy = $9, repo_username = $10, repo_password_sealed = $11, \
    startup_script = $12, sort_order = $13, revision = $14, updated_ms = $15, repo_credential_id = $16, \
    trusted_with_credentials = $17 \
    WHERE id = $1 AND revision = $14 - 1";

/// Without its grants.
fn read(row: &AnyRow) -> StoreResult<ContainerImage> {
    let row = Row::of("container_images", row);
    Ok(ContainerImage {
        id: row.id("id")?,
        image: row.text("image")?,
        service_type: row.word("service_type")?,
        name: row.text("name")?,
        description: row.text("description")?,
        version: row.text("version")?,
        minimum_version: row.text("minimum_version")?,
        recommended_version: row.text("recommended_version")?,
        pull_policy: row.maybe_word("pull_policy")?,
        repo_username: row.text("repo_username")?,
        repo_password_sealed: row.maybe_bytes("repo_password_sealed")?,
        repo_credential_id: row.maybe_id("repo_credential_id")?,
        trusted_with_credentials: row.flag("trusted_with_credentials")?,
        startup_script: row.text("startup_script")?,
        order: row.int("sort_order")?,
        grants: Vec::new(),
        revision: row.int("revision")?,
        created_ms: row.int("created_ms")?,
        updated_ms: row.int("updated_ms")?,
    })
}

/// `$1` to `$17`.
fn bind(statement: Statement, image: &ContainerImage) -> Statement {
    statement
        .id(image.id)
        .text(&image.image)
        .word(image.service_type)
        .text(&image.name)
        .text(&image.description)
        .text(&image.version)
        .text(&image.minimum_version)
        .text(&image.recommended_version)
        .maybe_word(image.pull_policy)
        .text(&image.repo_username)
        .maybe_bytes(image.repo_password_sealed.as_deref())
        .text(&image.startup_script)
        .int(image.order)
        .int(image.revision)
        .int(image.updated_ms)
        .maybe_id(image.repo_credential_id)
        .flag(image.trusted_with_credentials)
}

#[async_trait]
impl ContainerImageRepository for AnyRepository {
    async fn container_image_add(&mut self, image: &ContainerImage) -> StoreResult<()> {
        self.run(bind(sql(INSERT), image).int(image.created_ms)).await?;
        self.grants_set(&OF_CONTAINER_IMAGES, image.id, &image.grants).await
    }

    async fn container_image_update(&mut self, image: &ContainerImage) -> StoreResult<bool> {
        if self.run(bind(sql(UPDATE), image)).await? == 0 {
            return Ok(false);
        }
        self.grants_set(&OF_CONTAINER_IMAGES, image.id, &image.grants).await?;
        Ok(true)
    }

    async fn container_image_remove(&mut self, id: ContainerImageId) -> StoreResult<bool> {
        Ok(self
            .run(sql("DELETE FROM container_images WHERE id = $1").id(id))
            .await?
            > 0)
    }

    async fn container_image(&mut self, id: ContainerImageId) -> StoreResult<Option<ContainerImage>> {
        let Some(mut image) = self.one(sql(SELECT).push(" WHERE id = $1").id(id), read).await? else {
            return Ok(None);
        };
        image.grants = self.grants_of(&OF_CONTAINER_IMAGES, id).await?;
        Ok(Some(image))
    }

    async fn container_images(&mut self) -> StoreResult<Vec<ContainerImage>> {
        let mut images = self
            .all(sql(SELECT).push(" ORDER BY sort_order DESC, created_ms, id"), read)
            .await?;
        let mut grants = self.grants_all(&OF_CONTAINER_IMAGES).await?;
        for image in &mut images {
            image.grants = grants.remove(&image.id.to_string()).unwrap_or_default();
        }
        Ok(images)
    }
}

//! Files in and out of a container, as tar streams that are never held in memory.
//!
//! The engine sees a container's own layer and its volumes, not its folders in memory (tmpfs): write those with a command.

use std::pin::Pin;

use bollard::{
    body_try_stream,
    query_parameters::{DownloadFromContainerOptionsBuilder, UploadToContainerOptionsBuilder},
};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream, stream::BoxStream};
use prt_core::engine::{EngineError, EngineErrorKind, EngineResult};
use prt_types::{ids::WorkerId, workers::ContainerRole};

use crate::{DockerEngine, errors, labels, limits::watched};

impl DockerEngine {
    pub(crate) async fn unpack(
        &self,
        worker: WorkerId,
        role: ContainerRole,
        folder: &str,
        tar: Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>,
    ) -> EngineResult<()> {
        let name = labels::container_name(worker, role);
        // Asked first: an engine that refuses in the middle of an upload closes the connection, and its words are lost.
        if !self.has_path(&name, folder).await? {
            return Err(self.missing(worker, role, folder).await);
        }
        let options = UploadToContainerOptionsBuilder::new().path(folder).build();
        let sent = self
            .docker()
            .await?
            .upload_to_container(&name, Some(options), body_try_stream(tar))
            .await;
        sent.map_err(|e| errors::from(e, &format!("writing to {folder} in the container")))
    }

    pub(crate) async fn pack(
        &self,
        worker: WorkerId,
        role: ContainerRole,
        path: &str,
    ) -> EngineResult<BoxStream<'static, EngineResult<Bytes>>> {
        let name = labels::container_name(worker, role);
        let doing = format!("reading {path} from the container");
        let options = DownloadFromContainerOptionsBuilder::new().path(path).build();
        let docker = self.docker().await?;
        let mut pieces = watched(docker, docker.download_from_container(&name, Some(options)).boxed());
        // The first piece tells whether there is anything to read.
        let first = match pieces.next().await {
            Some(Err(e)) if errors::status(&e) == Some(404) => {
                return Err(self.missing(worker, role, path).await);
            }
            Some(Err(e)) => return Err(errors::from(e, &doing)),
            Some(Ok(piece)) => Some(Ok(piece)),
            None => None,
        };
        let rest = pieces.map(move |piece| piece.map_err(|e| errors::from(e, &doing)));
        Ok(stream::iter(first).chain(rest).boxed())
    }

    /// A 404 may mean the file or the container.
    async fn missing(&self, worker: WorkerId, role: ContainerRole, path: &str) -> EngineError {
        match self.inspect(worker, role).await {
            Err(e) => e,
            Ok(None) => EngineError::new(
                EngineErrorKind::NoSuchContainer,
                format!("the worker has no {} container", role.name()),
            ),
            Ok(Some(_)) => EngineError::new(
                EngineErrorKind::NoSuchFile,
                format!("there is no {path} in the {} container", role.name()),
            ),
        }
    }
}

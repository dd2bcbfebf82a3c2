//! What is put into a container between its creation and its start: owners of volumes, and files.
//!
//! It goes through the engine's archive upload, so that nothing has to run as root inside the image.

use std::collections::{BTreeMap, HashSet, btree_map::Entry};

use bollard::{
    body_full,
    query_parameters::{ContainerArchiveInfoOptionsBuilder, UploadToContainerOptionsBuilder},
};
use prt_core::{
    clock::{Clock as _, SystemClock},
    engine::{ContainerPlan, EngineError, EngineErrorKind, EngineResult, FileInContainer},
};
use tar::{Builder, EntryType, Header};

use crate::{DockerEngine, errors};

const VOLUME_MODE: u32 = 0o775;
const PARENT_MODE: u32 = 0o755;

impl DockerEngine {
    pub(crate) async fn prepare(&self, container: &str, plan: &ContainerPlan) -> EngineResult<()> {
        let podman = self.session().await?.podman;
        // One upload at "/" is enough unless the engine refuses that (read-only root) or does not follow mounts from there (Podman).
        let apart = podman || plan.security.read_only_root;
        let mut uploads = Uploads::default();

        for mount in plan.mounts.iter().filter(|mount| !mount.read_only) {
            let path = mount.path.trim_end_matches('/');
            if podman {
                uploads.at(path).folder("./", VOLUME_MODE, mount.owner)?;
            } else if apart {
                // Docker skips an entry named "./"; this names the same folder and is not skipped.
                let name = path.rsplit('/').next().unwrap_or_default();
                uploads
                    .at(path)
                    .raw_folder(&format!("../{name}/"), VOLUME_MODE, mount.owner)?;
            } else {
                uploads.at("/").folder(path, VOLUME_MODE, mount.owner)?;
            }
        }

        let mut known = HashSet::new();
        for file in &plan.files {
            let missing = self.missing_parents(container, &file.path, &mut known).await?;
            let base = match (apart, missing.first()) {
                (false, _) => "/",
                (true, Some(highest)) => parent(highest),
                (true, None) => parent(&file.path),
            };
            let upload = uploads.at(base);
            for folder in &missing {
                // Existing folders keep their owner; new ones belong to whom the file belongs.
                upload.folder(below(base, folder), PARENT_MODE, file.owner)?;
            }
            upload.file(below(base, &file.path), file)?;
        }

        for (base, tar) in uploads.finish()? {
            let options = UploadToContainerOptionsBuilder::new().path(&base).build();
            let sent = self
                .docker()
                .await?
                .upload_to_container(container, Some(options), body_full(tar.into()))
                .await;
            sent.map_err(|e| errors::from(e, &format!("preparing {base} in the container")))?;
        }
        Ok(())
    }

    /// Folders above `path` that the container does not have, the highest first. `known` remembers folders that are there or planned.
    async fn missing_parents<'a>(
        &self,
        container: &str,
        path: &'a str,
        known: &mut HashSet<&'a str>,
    ) -> EngineResult<Vec<&'a str>> {
        let mut missing = Vec::new();
        let mut folder = parent(path);
        while folder != "/" && !known.contains(folder) {
            known.insert(folder);
            if self.has_path(container, folder).await? {
                break;
            }
            missing.push(folder);
            folder = parent(folder);
        }
        missing.reverse();
        Ok(missing)
    }

    pub(crate) async fn has_path(&self, container: &str, path: &str) -> EngineResult<bool> {
        let options = ContainerArchiveInfoOptionsBuilder::new().path(path).build();
        match self
            .docker()
            .await?
            .get_container_archive_info(container, Some(options))
            .await
        {
            Ok(_) => Ok(true),
            // An answer to HEAD has no words, so 404 may also mean the container; the next call says so.
            Err(e) if errors::status(&e) == Some(404) => Ok(false),
            Err(e) => Err(errors::from(e, &format!("looking for {path} in the container"))),
        }
    }
}

/// Archives by the folder that they are unpacked in.
#[derive(Default)]
struct Uploads(BTreeMap<String, Archive>);

impl Uploads {
    fn at(&mut self, base: &str) -> &mut Archive {
        match self.0.entry(if base.is_empty() { "/".into() } else { base.into() }) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Archive {
                tar: Builder::new(Vec::new()),
                now: SystemClock.now_ms() / 1000,
            }),
        }
    }

    fn finish(self) -> EngineResult<Vec<(String, Vec<u8>)>> {
        self.0
            .into_iter()
            .map(|(base, archive)| Ok((base, archive.tar.into_inner().map_err(bad_plan)?)))
            .collect()
    }
}

struct Archive {
    tar: Builder<Vec<u8>>,
    now: i64,
}

impl Archive {
    fn folder(&mut self, path: &str, mode: u32, owner: (u32, u32)) -> EngineResult<()> {
        let mut header = self.header(EntryType::Directory, 0, mode, owner);
        let path = format!("{}/", path.trim_matches('/'));
        self.tar
            .append_data(&mut header, path, std::io::empty())
            .map_err(bad_plan)
    }

    /// With a name that the tar library refuses to write.
    fn raw_folder(&mut self, name: &str, mode: u32, owner: (u32, u32)) -> EngineResult<()> {
        let mut header = self.header(EntryType::Directory, 0, mode, owner);
        let field = &mut header.as_old_mut().name;
        let room = field
            .get_mut(..name.len())
            .ok_or_else(|| bad_plan(std::io::Error::other("the folder's name is too long")))?;
        room.copy_from_slice(name.as_bytes());
        header.set_cksum();
        self.tar.append(&header, std::io::empty()).map_err(bad_plan)
    }

    fn file(&mut self, path: &str, file: &FileInContainer) -> EngineResult<()> {
        let mut header = self.header(EntryType::Regular, file.content.len() as u64, file.mode, file.owner);
        self.tar
            .append_data(&mut header, path.trim_start_matches('/'), file.content.as_slice())
            .map_err(bad_plan)
    }

    fn header(&self, kind: EntryType, size: u64, mode: u32, (uid, gid): (u32, u32)) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(mode);
        header.set_uid(uid.into());
        header.set_gid(gid.into());
        header.set_mtime(self.now.unsigned_abs());
        header
    }
}

fn parent(path: &str) -> &str {
    match path.trim_end_matches('/').rfind('/') {
        Some(0) | None => "/",
        Some(slash) => &path[..slash],
    }
}

fn below<'a>(base: &str, path: &'a str) -> &'a str {
    path.strip_prefix(base).unwrap_or(path).trim_start_matches('/')
}

fn bad_plan(error: std::io::Error) -> EngineError {
    EngineError::new(
        EngineErrorKind::Other,
        format!("a path in the worker's plan cannot be used: {error}"),
    )
    .caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_end_at_the_root() {
        for (path, above) in [("/a/b/c", "/a/b"), ("/a/b/", "/a"), ("/a", "/"), ("/", "/")] {
            assert_eq!(parent(path), above);
        }
        assert_eq!(below("/", "/a/b"), "a/b");
        assert_eq!(below("/a", "/a/b"), "b");
    }

    #[test]
    fn entries_carry_owner_and_mode() {
        let mut uploads = Uploads::default();
        uploads
            .at("/")
            .folder("/home/ubuntu/build", VOLUME_MODE, (1000, 1001))
            .unwrap();
        uploads
            .at("/build")
            .raw_folder("../build/", VOLUME_MODE, (7, 8))
            .unwrap();
        let read: Vec<_> = uploads
            .finish()
            .unwrap()
            .into_iter()
            .map(|(base, bytes)| {
                let mut archive = tar::Archive::new(bytes.as_slice());
                let entry = archive.entries().unwrap().next().unwrap().unwrap();
                let header = entry.header();
                let path = String::from_utf8(header.path_bytes().into_owned()).unwrap();
                (
                    base,
                    path,
                    header.uid().unwrap(),
                    header.gid().unwrap(),
                    header.mode().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            read,
            [
                ("/".to_owned(), "home/ubuntu/build/".to_owned(), 1000, 1001, 0o775),
                ("/build".to_owned(), "../build/".to_owned(), 7, 8, 0o775),
            ]
        );
    }

    #[test]
    fn a_path_out_of_the_container_is_refused() {
        let file = FileInContainer {
            path: "/a/../../b".into(),
            content: vec![],
            mode: 0o600,
            owner: (0, 0),
        };
        assert!(Uploads::default().at("/").file(&file.path, &file).is_err());
    }
}

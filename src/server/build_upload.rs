//! The files of a new build. Reads the form as it arrives: fields into the form, files straight on into the worker's build folder, a folder
//! straight on into a context of its own.
//!
//! The files become one tar stream. A tar header says how long its file is and a browser does not, so each file is taken in whole
//! first: small ones in memory, larger ones in a temporary file. Nothing grows with the upload but that file.

use std::io::{self, SeekFrom};

use axum::body::Bytes;
use prt_core::{OpContext, Orchestrator};
use prt_types::ErrorCode;
use tokio::{
    io::{AsyncSeekExt, AsyncWriteExt},
    sync::mpsc,
    task::JoinHandle,
};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tokio_util::io::ReaderStream;

use super::problem::app_error;
use crate::{
    error::AppError,
    pages::{
        builds::{BuildForm, Folder, FolderFile},
        workers::{field, refusal},
    },
};

/// A larger file waits on the disk instead of in memory.
const IN_MEMORY: usize = 4 * 1024 * 1024;
/// A field that is no file.
const LONGEST_TEXT: usize = 1024 * 1024;
const FILES: usize = 20_000;

/// Takes the whole form in, also after something went wrong: a browser that is cut off while it sends shows nothing but that.
pub async fn receive(
    orchestrator: &Orchestrator,
    cx: &OpContext,
    mut data: multer::Multipart<'static>,
) -> (BuildForm, Result<(), AppError>) {
    let mut form = BuildForm::default();
    let mut upload = Upload {
        orchestrator,
        cx,
        sink: None,
        folder: false,
        files: 0,
        refused: false,
    };
    let mut outcome = Ok(());
    loop {
        let part = match data.next_field().await {
            Ok(Some(part)) => part,
            Ok(None) => break,
            Err(error) => {
                outcome = outcome.and(Err(broken(&error)));
                break;
            }
        };
        let name = part.name().unwrap_or_default().to_owned();
        let step = if name == "files" || name == "folder" {
            if outcome.is_ok() {
                upload.file(&form.worker, &name, part).await
            } else {
                Ok(())
            }
        } else {
            text(part).await.map(|value| _ = form.set(&name, value))
        };
        outcome = outcome.and(step);
    }
    if outcome.is_ok() && form.worker.is_empty() {
        outcome = Err(refusal(vec![field("worker", "Choose a worker to build in.")]).unwrap_or_else(no_worker));
    }
    if outcome.is_ok() && !form.dockerfile_text.trim().is_empty() {
        outcome = upload.dockerfile(&form).await;
    }
    // What the worker says about the files explains why they could not be sent.
    let put = match upload.finish(outcome.is_ok()).await {
        Ok(id) => {
            form.context_id = id.unwrap_or_default();
            Ok(())
        }
        Err(error) => Err(error),
    };
    (form, put.and(outcome))
}

fn no_worker() -> AppError {
    AppError::new(ErrorCode::InvalidInput, "Choose a worker to build in.")
}

fn broken(error: &multer::Error) -> AppError {
    AppError::new(ErrorCode::InvalidInput, format!("The upload broke off: {error}."))
}

fn disk(error: &io::Error) -> AppError {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "an upload could not be kept on the console's disk"
    );
    AppError::new(ErrorCode::Unavailable, "The console's disk has no room for this file.")
}

async fn text(mut part: multer::Field<'static>) -> Result<String, AppError> {
    let name = part.name().unwrap_or_default().to_owned();
    let mut bytes = Vec::new();
    while let Some(chunk) = part.chunk().await.map_err(|error| broken(&error))? {
        if bytes.len() + chunk.len() > LONGEST_TEXT {
            return Err(AppError::new(
                ErrorCode::InvalidInput,
                format!("The field {name} is longer than 1 MiB."),
            ));
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes)
        .map_err(|_| AppError::new(ErrorCode::InvalidInput, format!("The field {name} is no text.")))
}

/// What is in a worker's build folder, with the text of its Dockerfile.
pub async fn folder(orchestrator: &Orchestrator, cx: &OpContext, worker: String) -> Result<Folder, AppError> {
    let files = orchestrator
        .build_file_list(cx, &worker)
        .await
        .map_err(|error| app_error(error, cx))?;
    let dockerfile = match files.iter().find(|file| file.path == "Dockerfile") {
        // A longer one is no text for a form.
        Some(file) if file.size <= LONGEST_TEXT as u64 / 4 => {
            let bytes = orchestrator.build_file_get(cx, &worker, "Dockerfile").await;
            String::from_utf8(bytes.map_err(|error| app_error(error, cx))?.to_vec()).ok()
        }
        Some(_) | None => None,
    };
    let files = files
        .into_iter()
        .map(|file| FolderFile {
            path: file.path,
            size: file.size,
        })
        .collect();
    Ok(Folder {
        worker,
        dockerfile,
        files,
    })
}

/// The one tar stream into the worker, begun with the first file.
struct Upload<'a> {
    orchestrator: &'a Orchestrator,
    cx: &'a OpContext,
    sink: Option<Sink>,
    /// It goes into a context.
    folder: bool,
    files: usize,
    /// The worker stopped taking the stream; why, its task says.
    refused: bool,
}

struct Sink {
    chunks: mpsc::Sender<io::Result<Bytes>>,
    /// The context's id, if it is one.
    put: JoinHandle<Result<Option<String>, AppError>>,
}

impl Upload<'_> {
    async fn file(&mut self, worker: &str, input: &str, mut part: multer::Field<'static>) -> Result<(), AppError> {
        let name = part.file_name().unwrap_or_default().to_owned();
        // An input in which nothing was picked is sent as a file without a name.
        if name.is_empty() {
            return Ok(());
        }
        let mut path = relative(&name)?;
        if input == "folder" {
            if self.sink.is_none() {
                self.folder = true;
            }
            // What was chosen is the context, not a folder in it.
            if let Some((_, below)) = path.split_once('/') {
                path = below.to_owned();
            }
        }
        self.files += 1;
        if self.files > FILES {
            return Err(AppError::new(
                ErrorCode::InvalidInput,
                format!("These are more than {FILES} files. Pack them into one archive."),
            ));
        }
        let mut memory = Vec::new();
        while let Some(chunk) = part.chunk().await.map_err(|error| broken(&error))? {
            memory.extend_from_slice(&chunk);
            if memory.len() > IN_MEMORY {
                return self.large(worker, &path, memory, part).await;
            }
        }
        self.content(worker, &path, memory.into()).await
    }

    async fn large(
        &mut self,
        worker: &str,
        path: &str,
        begin: Vec<u8>,
        mut part: multer::Field<'static>,
    ) -> Result<(), AppError> {
        let mut file = tokio::fs::File::from_std(tempfile::tempfile().map_err(|error| disk(&error))?);
        let mut size = begin.len() as u64;
        file.write_all(&begin).await.map_err(|error| disk(&error))?;
        while let Some(chunk) = part.chunk().await.map_err(|error| broken(&error))? {
            size += chunk.len() as u64;
            file.write_all(&chunk).await.map_err(|error| disk(&error))?;
        }
        file.flush().await.map_err(|error| disk(&error))?;
        file.seek(SeekFrom::Start(0)).await.map_err(|error| disk(&error))?;
        self.send(worker, header(path, size, self.orchestrator.now_ms()))
            .await?;
        let mut content = ReaderStream::with_capacity(file, 64 * 1024);
        while let Some(chunk) = content.next().await {
            self.send(worker, chunk.map_err(|error| disk(&error))?).await?;
        }
        self.send(worker, padding(size)).await
    }

    /// The Dockerfile as typed. With a folder, only if it is not just what the form showed of the build folder.
    async fn dockerfile(&mut self, form: &BuildForm) -> Result<(), AppError> {
        let text = form.dockerfile_text.clone();
        let mut path = "Dockerfile".to_owned();
        if self.folder {
            let shown = self
                .orchestrator
                .build_file_get(self.cx, &form.worker, "Dockerfile")
                .await;
            if shown.is_ok_and(|shown| shown == text.as_bytes()) {
                return Ok(());
            }
            if !form.dockerfile_path.is_empty() {
                path.clone_from(&form.dockerfile_path);
            }
            if !form.context.is_empty() {
                path = format!("{}/{path}", form.context);
            }
            path = relative(&path)?;
        }
        self.content(&form.worker, &path, text.into()).await
    }

    async fn content(&mut self, worker: &str, path: &str, content: Bytes) -> Result<(), AppError> {
        let size = content.len() as u64;
        self.send(worker, header(path, size, self.orchestrator.now_ms()))
            .await?;
        self.send(worker, content).await?;
        self.send(worker, padding(size)).await
    }

    async fn send(&mut self, worker: &str, chunk: Bytes) -> Result<(), AppError> {
        if worker.is_empty() {
            return Err(refusal(vec![field("worker", "Choose a worker to build in.")]).unwrap_or_else(no_worker));
        }
        if chunk.is_empty() {
            return Ok(());
        }
        let sink = self
            .sink
            .get_or_insert_with(|| open(self.orchestrator, self.cx, worker, self.folder));
        if sink.chunks.send(Ok(chunk)).await.is_err() {
            self.refused = true;
            return Err(AppError::new(
                ErrorCode::Unavailable,
                "The worker does not take the files.",
            ));
        }
        Ok(())
    }

    /// Ends the stream and waits until the worker has unpacked it.
    async fn finish(self, complete: bool) -> Result<Option<String>, AppError> {
        let Some(sink) = self.sink else { return Ok(None) };
        let end = if complete {
            Ok(Bytes::from_static(&[0; 1024]))
        } else {
            Err(io::Error::other("the form was not accepted"))
        };
        _ = sink.chunks.send(end).await;
        drop(sink.chunks);
        match sink.put.await {
            // When we cut it off ourselves, its complaint says nothing.
            Ok(Err(_)) if !complete && !self.refused => Ok(None),
            Ok(outcome) => outcome,
            Err(_) => Err(AppError::new(ErrorCode::Internal, "The upload ended unexpectedly.")),
        }
    }
}

fn open(orchestrator: &Orchestrator, cx: &OpContext, worker: &str, folder: bool) -> Sink {
    let (chunks, receiver) = mpsc::channel(8);
    let (orchestrator, cx, worker) = (orchestrator.clone(), cx.clone(), worker.to_owned());
    let put = tokio::spawn(async move {
        let stream = Box::pin(ReceiverStream::new(receiver));
        let put = if folder {
            let put = orchestrator.context_put(&cx, &worker, stream).await;
            put.map(|context| Some(context.id))
        } else {
            let put = orchestrator.build_files_put(&cx, &worker, "", stream, false).await;
            put.map(|()| None)
        };
        put.map_err(|error| app_error(error, &cx))
    });
    Sink { chunks, put }
}

/// A path below the build folder. The agent confines it, so this is about clear words, not about trust.
fn relative(name: &str) -> Result<String, AppError> {
    let name = name.replace('\\', "/");
    let parts: Vec<&str> = name
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if parts.is_empty() || parts.contains(&"..") || name.chars().any(char::is_control) {
        return Err(AppError::new(
            ErrorCode::InvalidInput,
            format!("{name:?} is no name of a file in the build folder."),
        ));
    }
    Ok(parts.join("/"))
}

/// The tar header of a file, with what long names need before it.
fn header(path: &str, size: u64, now_ms: i64) -> Bytes {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_uid(1000);
    header.set_gid(1000);
    // A file of now, as prtcli and a notebook write it: SOURCE_DATE_EPOCH lowers the times of an image's files, and raises none.
    header.set_mtime(now_ms.unsigned_abs() / 1000);
    let mut archive = tar::Builder::new(Vec::new());
    // Only the header is wanted; the content follows from elsewhere. Writing to memory cannot fail, and the path was checked.
    _ = archive.append_data(&mut header, path, io::empty());
    std::mem::take(archive.get_mut()).into()
}

/// Files are filled up to whole blocks.
fn padding(size: u64) -> Bytes {
    Bytes::from_static(&[0; 512]).slice(..((512 - size % 512) % 512) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_folder() {
        assert_eq!(relative("app/./src//main.py").expect("valid"), "app/src/main.py");
        assert_eq!(relative("/etc/x").expect("valid"), "etc/x");
        assert_eq!(relative("a\\b").expect("valid"), "a/b");
        for bad in ["..", "a/../../b", "", "/", "a\nb"] {
            assert!(relative(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn pieces_make_an_archive() {
        let long = format!("{}/file.txt", "folder".repeat(30));
        let mut bytes = Vec::new();
        for (path, content) in [("a.txt", "hello"), (long.as_str(), "x"), ("empty", "")] {
            bytes.extend_from_slice(&header(path, content.len() as u64, 7_000));
            bytes.extend_from_slice(content.as_bytes());
            bytes.extend_from_slice(&padding(content.len() as u64));
        }
        bytes.extend_from_slice(&[0; 1024]);
        let mut archive = tar::Archive::new(bytes.as_slice());
        let found: Vec<(String, String)> = archive
            .entries()
            .expect("entries")
            .map(|entry| {
                let mut entry = entry.expect("entry");
                assert_eq!(entry.header().mtime().expect("a time"), 7);
                let path = entry.path().expect("path").display().to_string();
                (path, io::read_to_string(&mut entry).expect("content"))
            })
            .collect();
        assert_eq!(
            found,
            [
                ("a.txt".into(), "hello".into()),
                (long, "x".into()),
                ("empty".into(), String::new())
            ]
        );
    }
}

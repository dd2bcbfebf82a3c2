//! Files that were picked or dropped, and the form that carries them.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
};

use futures::channel::oneshot;
use leptos::{
    prelude::*,
    wasm_bindgen::{JsCast, closure::Closure},
    web_sys::{
        DataTransfer, Event, File, FileList, FileSystemDirectoryEntry, FileSystemEntry, FileSystemFileEntry, FormData,
        HtmlFormElement, ProgressEvent, XmlHttpRequest,
        js_sys::{Array, Reflect},
    },
};

/// A file that waits to be sent. The file itself stays on the browser's side: it cannot cross threads, as signals can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picked {
    pub id: u32,
    /// Relative to the build folder, or to the folder that was picked.
    pub path: String,
    pub size: u64,
    /// It came with a folder, which is a context of its own then.
    pub in_folder: bool,
}

thread_local! {
    static FILES: RefCell<HashMap<u32, File>> = RefCell::default();
    static NEXT: Cell<u32> = const { Cell::new(0) };
}

/// Adds a file; a later one with the same path takes the place of an earlier one.
fn add(files: RwSignal<Vec<Picked>>, path: &str, in_folder: bool, file: File) {
    let path = path.trim_start_matches('/').to_owned();
    let id = NEXT.replace(NEXT.get() + 1);
    let size = file.size() as u64;
    FILES.with_borrow_mut(|known| known.insert(id, file));
    files.update(|files| {
        files.retain(|known| known.path != path);
        files.push(Picked {
            id,
            path,
            size,
            in_folder,
        });
        files.sort_by(|a, b| a.path.cmp(&b.path));
    });
}

/// Forgets a file.
pub fn remove(files: RwSignal<Vec<Picked>>, id: u32) {
    FILES.with_borrow_mut(|known| known.remove(&id));
    files.update(|files| files.retain(|file| file.id != id));
}

/// Forgets all of them: they were sent.
pub fn clear(files: RwSignal<Vec<Picked>>) {
    FILES.with_borrow_mut(HashMap::clear);
    files.set(Vec::new());
}

/// Takes the files of an `<input type=file>`. A folder's files keep their paths below it, without the folder's own name: what was
/// picked is the context, not a folder in it.
pub fn pick(files: RwSignal<Vec<Picked>>, list: Option<FileList>) {
    let Some(list) = list else { return };
    for file in (0..list.length()).filter_map(|at| list.get(at)) {
        let relative = Reflect::get(&file, &"webkitRelativePath".into())
            .ok()
            .and_then(|path| path.as_string())
            .unwrap_or_default();
        let below = relative.split_once('/').map(|(_, below)| below.to_owned());
        let in_folder = below.is_some();
        let path = below.unwrap_or_else(|| file.name());
        add(files, &path, in_folder, file);
    }
}

/// Takes what was dropped: files as they are; of a single folder its content, of several things each under its name.
pub fn drop_files(files: RwSignal<Vec<Picked>>, data: Option<DataTransfer>) {
    let Some(data) = data else { return };
    let items = data.items();
    let entries: Vec<FileSystemEntry> = (0..items.length())
        .filter_map(|at| items.get(at)?.webkit_get_as_entry().ok().flatten())
        .collect();
    if entries.is_empty() {
        pick(files, data.files());
        return;
    }
    let alone = entries.len() == 1;
    for entry in entries {
        let prefix = if alone && entry.is_directory() {
            Some(String::new())
        } else {
            None
        };
        let in_folder = entry.is_directory();
        walk(files, entry, prefix, in_folder);
    }
}

/// `as_path`: what to call the entry; its own name if unset.
fn walk(files: RwSignal<Vec<Picked>>, entry: FileSystemEntry, as_path: Option<String>, in_folder: bool) {
    let path = as_path.unwrap_or_else(|| entry.name());
    if entry.is_file() {
        let take = Closure::once_into_js(move |file: File| add(files, &path, in_folder, file));
        entry
            .unchecked_into::<FileSystemFileEntry>()
            .file_with_callback(take.unchecked_ref());
    } else if entry.is_directory() {
        let reader = entry.unchecked_into::<FileSystemDirectoryEntry>().create_reader();
        read_all(files, reader, path);
    }
}

/// A reader gives up to a hundred entries at a time, and none when it is done.
fn read_all(files: RwSignal<Vec<Picked>>, reader: leptos::web_sys::FileSystemDirectoryReader, path: String) {
    let again = reader.clone();
    let take = Closure::once_into_js(move |entries: Array| {
        if entries.length() == 0 {
            return;
        }
        for entry in entries.iter() {
            let entry: FileSystemEntry = entry.unchecked_into();
            let below = if path.is_empty() {
                entry.name()
            } else {
                format!("{path}/{}", entry.name())
            };
            walk(files, entry, Some(below), true);
        }
        read_all(files, again, path);
    });
    _ = reader.read_entries_with_callback(take.unchecked_ref());
}

/// The form's data with the picked files in place of what its file inputs hold. With a folder among them all belong to its context; as
/// when a browser sends a folder by itself, their paths begin with a name for it.
pub fn form_data(form: &HtmlFormElement, files: &[Picked]) -> Option<FormData> {
    let data = FormData::new_with_form(form).ok()?;
    for input in ["files", "folder"] {
        data.delete(input);
    }
    let (name, above) = if files.iter().any(|file| file.in_folder) {
        ("folder", "folder/")
    } else {
        ("files", "")
    };
    FILES.with_borrow(|known| {
        for file in files {
            if let Some(content) = known.get(&file.id) {
                _ = data.append_with_blob_and_filename(name, content, &format!("{above}{}", file.path));
            }
        }
    });
    Some(data)
}

/// Sends a form as `fetch` would, and says how much of it has gone; `fetch` cannot. Returns status and body, `None` if there was no
/// answer.
pub async fn send(url: &str, form: FormData, progress: impl Fn(f64, f64) + 'static) -> Option<(u16, String)> {
    let request = XmlHttpRequest::new().ok()?;
    request.open("POST", url).ok()?;
    _ = request.set_request_header("Accept", "application/json");
    let (done, answer) = oneshot::channel();
    let done = Rc::new(Cell::new(Some(done)));
    let finish = Closure::<dyn FnMut(Event)>::new(move |_| {
        if let Some(done) = done.take() {
            _ = done.send(());
        }
    });
    let report =
        Closure::<dyn FnMut(ProgressEvent)>::new(move |event: ProgressEvent| progress(event.loaded(), event.total()));
    if let Ok(upload) = request.upload() {
        upload.set_onprogress(Some(report.as_ref().unchecked_ref()));
    }
    // Comes after success, failure and abortion alike.
    request.set_onloadend(Some(finish.as_ref().unchecked_ref()));
    request.send_with_opt_form_data(Some(&form)).ok()?;
    _ = answer.await;
    let status = request.status().unwrap_or(0);
    let body = request.response_text().ok().flatten().unwrap_or_default();
    (status != 0).then_some((status, body))
}

use leptos::{attr::custom::custom_attribute, html, prelude::*, wasm_bindgen::JsCast, web_sys};

use super::server_fns::FolderFile;
use crate::{
    client::upload::{self, Picked},
    components::{Button, ButtonKind, Glyph, Icon, step_tree::bytes_text},
};

/// Rows of a long list that are shown.
const SHOWN: usize = 200;

/// Files and folders for the build folder. The inputs work by themselves; with WebAssembly what is picked and dropped is collected
/// in a list first.
#[component]
pub fn FilePicker(picked: RwSignal<Vec<Picked>>, folder: RwSignal<Vec<FolderFile>>) -> impl IntoView {
    let over = RwSignal::new(false);
    let files = NodeRef::<html::Input>::new();
    let directory = NodeRef::<html::Input>::new();
    let take = move |event: web_sys::Event| {
        if let Some(input) = event
            .target()
            .and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok())
        {
            upload::pick(picked, input.files());
            // The list has them now, and the same file can be picked again.
            input.set_value("");
        }
    };
    let on_drop = move |event: leptos::ev::DragEvent| {
        event.prevent_default();
        over.set(false);
        upload::drop_files(picked, event.data_transfer());
    };
    let open = |input: NodeRef<html::Input>| {
        if let Some(input) = input.get_untracked() {
            input.click();
        }
    };
    view! {
        <div class="field field-wide">
            <label for="f-files">"Files"</label>
            <div class="field-control">
                <div
                    class="drop"
                    class:drop-over=over
                    on:dragover=move |event| {
                        event.prevent_default();
                        over.set(true);
                    }
                    on:dragleave=move |_| over.set(false)
                    on:drop=on_drop
                >
                    <div class="drop-inputs">
                        // The folder first: the console reads the form as it comes, and with a folder files go there.
                        <label>
                            "A folder"
                            <input
                                type="file"
                                id="f-folder"
                                name="folder"
                                {..custom_attribute("webkitdirectory", "")}
                                multiple=true
                                node_ref=directory
                                on:change=take
                            />
                        </label>
                        <label>
                            "Files"
                            <input type="file" id="f-files" name="files" multiple=true node_ref=files on:change=take />
                        </label>
                    </div>
                    <p class="drop-words js-only">
                        "Drop files or a folder here, or "
                        <Button small=true submit=false on:click=move |_| open(files)>
                            "choose files"
                        </Button> " "
                        <Button small=true submit=false on:click=move |_| open(directory)>
                            "choose a folder"
                        </Button>
                    </p>
                    <PickedList picked />
                </div>
                <FolderList folder />
                <div class="hint">
                    "Files are put into the build folder and stay there for the next build. A folder is the context of this build alone: nothing else is in it."
                </div>
            </div>
        </div>
    }
}

#[component]
fn PickedList(picked: RwSignal<Vec<Picked>>) -> impl IntoView {
    let summary = move || {
        picked.with(|files| {
            let size: u64 = files.iter().map(|file| file.size).sum();
            let count = if files.len() == 1 {
                "1 file".to_owned()
            } else {
                format!("{} files", files.len())
            };
            format!("{count} to send, {}", bytes_text(size as i64))
        })
    };
    let rest = move || picked.with(|files| files.len().saturating_sub(SHOWN));
    view! {
        <Show when=move || picked.with(|files| !files.is_empty())>
            <p class="drop-summary" role="status">
                {summary}
                " "
                <Button kind=ButtonKind::Quiet small=true submit=false on:click=move |_| upload::clear(picked)>
                    "Remove all"
                </Button>
            </p>
            <ul class="files">
                <For each=move || picked.get().into_iter().take(SHOWN) key=|file| file.id let:file>
                    <li>
                        <Icon glyph=Glyph::File />
                        <span class="mono breakable">{file.path.clone()}</span>
                        <span class="muted num">{bytes_text(file.size as i64)}</span>
                        <button
                            type="button"
                            class="button button-quiet button-small"
                            aria-label=format!("Remove {}", file.path)
                            on:click=move |_| upload::remove(picked, file.id)
                        >
                            <Icon glyph=Glyph::Cross />
                        </button>
                    </li>
                </For>
            </ul>
            <Show when=move || { rest() > 0 }>
                <p class="muted">{move || format!("and {} more", rest())}</p>
            </Show>
        </Show>
    }
}

/// What the worker's build folder holds already.
#[component]
fn FolderList(folder: RwSignal<Vec<FolderFile>>) -> impl IntoView {
    let summary = move || match folder.with(Vec::len) {
        0 => "The build folder is empty.".to_owned(),
        1 => "1 file is in the build folder".to_owned(),
        count => format!("{count} files are in the build folder"),
    };
    view! {
        <details class="more folder">
            <summary>{summary}</summary>
            <ul class="files">
                <For each=move || folder.get().into_iter().take(SHOWN) key=|file| (file.path.clone(), file.size) let:file>
                    <li>
                        <Icon glyph=Glyph::File />
                        <span class="mono breakable">{file.path.clone()}</span>
                        <span class="muted num">{bytes_text(file.size as i64)}</span>
                    </li>
                </For>
            </ul>
        </details>
    }
}

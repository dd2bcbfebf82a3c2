//! The cache of a worker's builder: how large it is, and emptying it.

mod server_fns;

use leptos::prelude::*;
use prt_types::builders::BuilderCache;

pub use self::server_fns::{CACHE, PruneCache};
use crate::components::{
    Button, ButtonKind, Card, ConfirmDialog, ConfirmLink, Form, MetaItem, MetaList, step_tree::bytes_text,
};
use prt_types::ApiError;

/// The size, with the button to empty it.
#[component]
pub fn CacheCard(cache: BuilderCache, prune: ServerAction<PruneCache>) -> impl IntoView {
    let left = move || prune.value().with(|done| done.as_ref()?.as_ref().ok().copied());
    let cache = Memo::new(move |before: Option<&BuilderCache>| left().or(before.copied()).unwrap_or(cache));
    view! {
        <Card title="Cache" padded=true>
            <MetaList>
                <MetaItem label="Size">{move || bytes_text(cache.get().total_bytes)}</MetaItem>
                <MetaItem label="Can be freed now">{move || bytes_text(cache.get().reclaimable_bytes)}</MetaItem>
                <MetaItem label="Records">{move || cache.get().records}</MetaItem>
            </MetaList>
            <div class="form-actions">
                <ConfirmLink name="prune">"Empty the cache"</ConfirmLink>
            </div>
        </Card>
    }
}

/// The question before that.
#[component]
pub fn PruneDialog(
    name: String,
    action: ServerAction<PruneCache>,
    #[prop(optional_no_strip)] error: Option<ApiError>,
) -> impl IntoView {
    let (name, error) = (StoredValue::new(name), StoredValue::new(error));
    view! {
        <ConfirmDialog name="prune" title="Empty the builder's cache?" keep="Keep it">
            <p>"The next build pulls its base image and runs all its steps again. Images that were pushed stay where they are."</p>
            <Form action prefix="" error=error.get_value()>
                <input type="hidden" name="worker" value=name.get_value() />
                <div class="form-actions">
                    <Button kind=ButtonKind::Danger busy=action.pending()>
                        "Empty the cache"
                    </Button>
                </div>
            </Form>
        </ConfirmDialog>
    }
}

//! How a rule's image is read.

use leptos::prelude::*;
use prt_types::container_images::MatchKind;

/// The word for a kind of match.
pub fn kind_name(kind: MatchKind) -> &'static str {
    match kind {
        MatchKind::Exact => "Exact",
        MatchKind::Any => "Any",
        MatchKind::Pattern => "Pattern",
    }
}

/// The word in a badge.
#[component]
pub fn KindBadge(
    /// How the image is read.
    kind: MatchKind,
) -> impl IntoView {
    let class = match kind {
        MatchKind::Exact => "badge",
        MatchKind::Any => "badge badge-warn",
        MatchKind::Pattern => "badge badge-cached",
    };
    view! { <span class=class>{kind_name(kind)}</span> }
}

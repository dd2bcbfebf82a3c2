//! Scrolling: follows the end, stays where the reader is, goes to a line.

use leptos::{html, prelude::*, web_sys};

use super::{
    geometry::{Geometry, LINE, Viewport},
    model::LogModel,
    window::Window,
};

/// Closer to the end than this counts as being there.
const NEAR_END: f64 = LINE / 2.0;

/// The log's elements and what the reader does with them.
#[derive(Clone, Copy)]
pub struct Scroller {
    pub frame: NodeRef<html::Div>,
    pub above: NodeRef<html::Div>,
    pub below: NodeRef<html::Div>,
    pub probe: NodeRef<html::Span>,
    pub viewport: RwSignal<Viewport>,
    pub follow: RwSignal<bool>,
    pub selected: RwSignal<Option<u64>>,
}

impl Scroller {
    /// Sets up the effects: in the browser only, once the server's page has been taken over.
    pub fn run(
        self,
        model: RwSignal<LogModel>,
        geometry: StoredValue<Geometry>,
        shown: Memo<Window>,
        live: RwSignal<bool>,
        wrap: RwSignal<bool>,
        on_missing_line: Callback<u64>,
    ) {
        // Spaces stand for the rows that are not in the page. Inline styles are forbidden in markup, but not to scripts.
        Effect::new(move |first_row: Option<Option<(u64, u8)>>| {
            let window = shown.get();
            if live.get() {
                set_height(self.above, window.above);
                set_height(self.below, window.below);
            }
            let first = model.with_untracked(|model| model.entries.first().map(super::Entry::key));
            // Rows were put before those here: what the reader sees must not move.
            if let Some(Some(known)) = first_row
                && first != Some(known)
                && !self.follow.get_untracked()
            {
                let row = model.with_untracked(|model| model.entries.iter().position(|entry| entry.key() == known));
                if let Some(row) = row {
                    let added = geometry.with_value(|geometry| geometry.top_px(row));
                    self.scroll_to(self.viewport.get_untracked().top + added);
                }
            }
            first
        });
        Effect::new(move |_| {
            // New rows come after the elements were changed, which is when effects have run.
            shown.track();
            model.track();
            if self.follow.get() && live.get() {
                queue_microtask(move || self.scroll_to(f64::MAX));
            }
        });
        Effect::new(move |_| {
            wrap.track();
            self.measure();
            let resize = window_event_listener(leptos::ev::resize, move |_| self.measure());
            on_cleanup(move || resize.remove());
        });
        let go_to = move |line: u64| match model.with_untracked(|model| model.find_line(line)) {
            Some(row) => {
                let top = geometry.with_value(|geometry| geometry.top_px(row));
                self.scroll_to(top - self.viewport.get_untracked().height / 3.0);
            }
            None => on_missing_line.run(line),
        };
        Effect::new(move |_| {
            if live.get_untracked() {
                return;
            }
            self.measure();
            let line = line_in_address();
            self.mark(line);
            live.set(true);
            // After the effects above have set the heights.
            request_animation_frame(move || match line {
                Some(line) => go_to(line),
                None => self.measure(),
            });
            // A link to another line of this page, typed or followed.
            let moved = window_event_listener(leptos::ev::hashchange, move |_| {
                let line = line_in_address();
                self.mark(line);
                line.into_iter().for_each(go_to);
            });
            on_cleanup(move || moved.remove());
        });
    }

    fn mark(self, line: Option<u64>) {
        if line.is_some() {
            self.follow.set(false);
            self.selected.set(line);
        }
    }

    /// The frame was scrolled, by the reader or by us.
    pub fn scrolled(self) {
        let Some(frame) = self.frame.get_untracked() else {
            return;
        };
        let top = f64::from(frame.scroll_top());
        let before = self.viewport.get_untracked().top;
        let at_end = top + f64::from(frame.client_height()) >= f64::from(frame.scroll_height()) - NEAR_END;
        // Only the reader scrolls up; more lines leave the position where it is.
        if at_end {
            set_if_changed(self.follow, true);
        } else if top < before {
            set_if_changed(self.follow, false);
        }
        self.measure();
    }

    /// Marks a line and makes the address name it.
    pub fn select(self, line: u64) {
        self.selected.set(Some(line));
        self.follow.set(false);
        if let Ok(history) = window().history() {
            _ = history.replace_state_with_url(&leptos::wasm_bindgen::JsValue::NULL, "", Some(&format!("#L{line}")));
        }
    }

    fn scroll_to(self, top: f64) {
        if let Some(frame) = self.frame.get_untracked() {
            // Beyond the range of an i32 the browser would wrap around.
            frame.set_scroll_top(top.clamp(0.0, f64::from(i32::MAX)) as i32);
            self.measure();
        }
    }

    fn measure(self) {
        let Some(frame) = self.frame.get_untracked() else {
            return;
        };
        let mut now = Viewport {
            top: f64::from(frame.scroll_top()),
            height: f64::from(frame.client_height()),
            ..self.viewport.get_untracked()
        };
        if let Some(probe) = self.probe.get_untracked() {
            let ten: &web_sys::Element = &probe;
            let character = ten.get_bounding_client_rect().width() / 10.0;
            let room = probe
                .parent_element()
                .map_or(0.0, |cell| cell.get_bounding_client_rect().width());
            if character > 0.0 {
                now.columns = (room / character) as usize;
            }
        }
        set_if_changed(self.viewport, now);
    }
}

fn set_if_changed<T: PartialEq + Send + Sync + 'static>(signal: RwSignal<T>, value: T) {
    if signal.with_untracked(|known| *known != value) {
        signal.set(value);
    }
}

fn set_height(space: NodeRef<html::Div>, lines: u64) {
    if let Some(space) = space.get_untracked() {
        let element: &web_sys::HtmlElement = &space;
        _ = element
            .style()
            .set_property("height", &format!("{}px", lines as f64 * LINE));
    }
}

/// The line that `#L120` names.
fn line_in_address() -> Option<u64> {
    window().location().hash().ok()?.strip_prefix("#L")?.parse().ok()
}

//! A server-sent event stream that comes back by itself.
//!
//! The browser's own reconnecting gives up after some errors and cannot be seen by the page, so this makes a new `EventSource` each
//! time, at an address that says from where to go on. A connection that died without a word is found by its silence.

use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
    time::Duration,
};

use leptos::{
    prelude::{TimeoutHandle, set_timeout_with_handle},
    wasm_bindgen::{JsCast, closure::Closure},
    web_sys::{self, EventSource, MessageEvent, js_sys},
};

/// How the stream is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// Not needed: everything is here.
    #[default]
    Idle,
    /// The first connection is being made.
    Connecting,
    /// Events arrive as they happen.
    Open,
    /// It was lost; it is being made again.
    Reconnecting,
}

/// Silence after which a connection counts as dead. The server says something at least every 30 s, but in comments that a page cannot
/// see: a live and silent stream is replaced too, which costs one request and loses nothing.
const SILENCE: Duration = Duration::from_secs(50);
const FIRST_WAIT_MS: f64 = 300.0;
const LONGEST_WAIT_MS: f64 = 8_000.0;
/// A tab that nobody sees gives its connection back after this time: browsers allow six a host.
const HIDDEN: Duration = Duration::from_secs(20);

type Listener = Closure<dyn FnMut(web_sys::Event)>;

/// A stream; ends when dropped.
pub struct Stream(Rc<Inner>);

struct Inner {
    event: &'static str,
    url: Box<dyn Fn() -> String>,
    on_data: Box<dyn Fn(String)>,
    on_link: Box<dyn Fn(Link)>,
    source: RefCell<Option<Source>>,
    failures: Cell<u32>,
    retry: Cell<Option<TimeoutHandle>>,
    watch: Cell<Option<TimeoutHandle>>,
    hide: Cell<Option<TimeoutHandle>>,
    page: RefCell<Vec<(web_sys::EventTarget, &'static str, Listener)>>,
}

/// One connection with its listeners, which must live as long as it does.
struct Source {
    source: EventSource,
    listeners: Vec<(&'static str, Listener)>,
}

impl Drop for Source {
    fn drop(&mut self) {
        for (name, listener) in &self.listeners {
            _ = self
                .source
                .remove_event_listener_with_callback(name, listener.as_ref().unchecked_ref());
        }
        self.source.close();
    }
}

impl Stream {
    /// Opens `url()` and hands over the data of each `event`. `url` is asked again for every connection.
    pub fn open(
        event: &'static str,
        url: impl Fn() -> String + 'static,
        on_data: impl Fn(String) + 'static,
        on_link: impl Fn(Link) + 'static,
    ) -> Self {
        let inner = Rc::new(Inner {
            event,
            url: Box::new(url),
            on_data: Box::new(on_data),
            on_link: Box::new(on_link),
            source: RefCell::default(),
            failures: Cell::default(),
            retry: Cell::default(),
            watch: Cell::default(),
            hide: Cell::default(),
            page: RefCell::default(),
        });
        inner.watch_page();
        (inner.on_link)(Link::Connecting);
        inner.connect();
        Self(inner)
    }

    /// Starts again at what `url()` says now.
    pub fn reopen(&self) {
        self.0.connect();
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.disconnect();
        for timer in [&self.0.retry, &self.0.hide] {
            clear(timer);
        }
        for (target, name, listener) in self.0.page.take() {
            _ = target.remove_event_listener_with_callback(name, listener.as_ref().unchecked_ref());
        }
    }
}

impl Inner {
    fn connect(self: &Rc<Self>) {
        clear(&self.retry);
        self.disconnect();
        let Ok(source) = EventSource::new(&(self.url)()) else {
            self.lost();
            return;
        };
        let listeners = vec![
            ("open", self.listener(|this, _| this.opened())),
            ("error", self.listener(|this, _| this.lost())),
            (self.event, self.listener(|this, event| this.data(&event))),
        ];
        for (name, listener) in &listeners {
            _ = source.add_event_listener_with_callback(name, listener.as_ref().unchecked_ref());
        }
        *self.source.borrow_mut() = Some(Source { source, listeners });
        self.heard();
    }

    fn disconnect(&self) {
        clear(&self.watch);
        // The listeners may be running now: they are dropped when the stack has unwound.
        if let Some(source) = self.source.take() {
            source.source.close();
            leptos::prelude::set_timeout(move || drop(source), Duration::ZERO);
        }
    }

    fn opened(self: &Rc<Self>) {
        self.failures.set(0);
        self.heard();
        (self.on_link)(Link::Open);
    }

    fn data(self: &Rc<Self>, event: &web_sys::Event) {
        let text = event
            .dyn_ref::<MessageEvent>()
            .and_then(|message| message.data().as_string());
        self.heard();
        if let Some(text) = text {
            (self.on_data)(text);
        }
    }

    fn lost(self: &Rc<Self>) {
        self.disconnect();
        (self.on_link)(Link::Reconnecting);
        let failures = self.failures.get();
        self.failures.set(failures.saturating_add(1));
        // Spread out, so that a console that starts again does not get all its viewers in one moment.
        let wait = (FIRST_WAIT_MS * 2f64.powi(failures.min(10) as i32)).min(LONGEST_WAIT_MS)
            * (0.7 + 0.6 * js_sys::Math::random());
        let weak = Rc::downgrade(self);
        set_timer(&self.retry, Duration::from_millis(wait as u64), weak, Self::connect);
    }

    fn heard(self: &Rc<Self>) {
        clear(&self.watch);
        set_timer(&self.watch, SILENCE, Rc::downgrade(self), Self::connect);
    }

    fn watch_page(self: &Rc<Self>) {
        let window = leptos::prelude::window();
        let document = leptos::prelude::document();
        let entries: [(web_sys::EventTarget, &'static str, Listener); 3] = [
            (window.clone().into(), "online", self.listener(|this, _| this.connect())),
            (window.into(), "offline", self.listener(|this, _| this.lost())),
            (
                document.into(),
                "visibilitychange",
                self.listener(|this, _| this.visibility()),
            ),
        ];
        for (target, name, listener) in &entries {
            _ = target.add_event_listener_with_callback(name, listener.as_ref().unchecked_ref());
        }
        self.page.borrow_mut().extend(entries);
    }

    fn visibility(self: &Rc<Self>) {
        clear(&self.hide);
        if leptos::prelude::document().hidden() {
            set_timer(&self.hide, HIDDEN, Rc::downgrade(self), |this| {
                clear(&this.retry);
                this.disconnect();
            });
        } else if self.source.borrow().is_none() {
            self.connect();
        }
    }

    fn listener(self: &Rc<Self>, run: impl Fn(&Rc<Self>, web_sys::Event) + 'static) -> Listener {
        let weak = Rc::downgrade(self);
        Closure::new(move |event| {
            if let Some(this) = weak.upgrade() {
                run(&this, event);
            }
        })
    }
}

fn clear(timer: &Cell<Option<TimeoutHandle>>) {
    if let Some(handle) = timer.take() {
        handle.clear();
    }
}

fn set_timer(
    slot: &Cell<Option<TimeoutHandle>>,
    wait: Duration,
    weak: Weak<Inner>,
    run: impl Fn(&Rc<Inner>) + 'static,
) {
    let run = move || {
        if let Some(this) = weak.upgrade() {
            run(&this);
        }
    };
    slot.set(set_timeout_with_handle(run, wait).ok());
}

//! Work that is collected and done once a frame.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use leptos::prelude::{request_animation_frame, set_timeout};

/// Collects items and hands them over together before the next frame, so that a thousand lines cost one update of the page.
pub struct Batch<T> {
    items: Rc<RefCell<Vec<T>>>,
    waiting: Rc<Cell<bool>>,
    run: Rc<dyn Fn(Vec<T>)>,
}

impl<T: 'static> Batch<T> {
    pub fn new(run: impl Fn(Vec<T>) + 'static) -> Self {
        Self {
            items: Rc::default(),
            waiting: Rc::default(),
            run: Rc::new(run),
        }
    }

    pub fn push(&self, item: T) {
        self.items.borrow_mut().push(item);
        if self.waiting.replace(true) {
            return;
        }
        let flush = {
            let (items, waiting, run) = (self.items.clone(), self.waiting.clone(), self.run.clone());
            move || {
                waiting.set(false);
                let items = items.take();
                if !items.is_empty() {
                    run(items);
                }
            }
        };
        request_animation_frame(flush.clone());
        // Frames stand still in a tab that nobody sees.
        set_timeout(flush, Duration::from_millis(500));
    }
}

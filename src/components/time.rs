//! Times and durations. The server writes absolute times, which stay true in the page; the browser makes them relative once it
//! has taken over, so that what it finds is what it expects.

use leptos::{prelude::*, wasm_bindgen::JsValue, web_sys::js_sys::Date};

#[derive(Clone, Copy)]
struct Clock(RwSignal<Option<i64>>);

/// Starts the page's one clock. Called once, by `App`.
pub fn provide_clock() {
    let now = RwSignal::new(None);
    provide_context(Clock(now));
    Effect::new(move |_| {
        let tick = move || now.set(Some(Date::now() as i64));
        tick();
        if let Ok(handle) = set_interval_with_handle(tick, std::time::Duration::from_secs(1)) {
            on_cleanup(move || handle.clear());
        }
    });
}

/// The browser's time in milliseconds since 1970, each second anew; `None` on the server and while hydrating.
pub fn use_now() -> Signal<Option<i64>> {
    use_context::<Clock>().map_or_else(|| Signal::stored(None), |Clock(now)| now.into())
}

/// A point in time: absolute from the server, then "3 min ago" with the absolute local time as its title.
#[component]
pub fn RelativeTime(
    /// Milliseconds since 1970.
    #[prop(into)]
    ms: Signal<i64>,
) -> impl IntoView {
    let now = use_now();
    let title = move || match now.get() {
        Some(_) => local_text(ms.get()),
        None => utc_text(ms.get()),
    };
    let text = move || match now.get() {
        Some(now) => ago_text(now - ms.get()),
        None => utc_text(ms.get()),
    };
    view! {
        <time datetime=move || iso_text(ms.get()) title=title>
            {text}
        </time>
    }
}

/// How long something took, or has been taking so far.
#[component]
pub fn Duration(
    /// When it began; nothing is shown before.
    #[prop(into)]
    from_ms: Signal<Option<i64>>,
    /// When it ended; until then the duration runs.
    #[prop(into)]
    to_ms: Signal<Option<i64>>,
) -> impl IntoView {
    let now = use_now();
    let text = move || {
        let from = from_ms.get()?;
        let to = to_ms.get().or_else(|| now.get())?;
        Some(duration_text(to - from))
    };
    view! { <span class="duration">{text}</span> }
}

/// `2025-11-23 09:06:12 UTC`
pub fn utc_text(ms: i64) -> String {
    let (year, month, day, second) = civil(ms);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// `2025-11-23T09:06:12Z`, for machines.
pub fn iso_text(ms: i64) -> String {
    utc_text(ms).replace(" UTC", "Z").replace(' ', "T")
}

fn local_text(ms: i64) -> String {
    Date::new(&JsValue::from_f64(ms as f64))
        .to_locale_string("default", &JsValue::UNDEFINED)
        .into()
}

/// `3 min ago`; clocks that disagree a little do not show a future.
pub fn ago_text(ms: i64) -> String {
    let seconds = ms / 1000;
    match seconds {
        ..5 => "just now".into(),
        5..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86400 => format!("{} h ago", seconds / 3600),
        86400..172_800 => "1 day ago".into(),
        _ => format!("{} days ago", seconds / 86400),
    }
}

/// `0.4 s`, `12.4 s`, `1:05`, `2:00:09`
pub fn duration_text(ms: i64) -> String {
    let ms = ms.max(0);
    let seconds = ms / 1000;
    match seconds {
        0..60 => format!("{seconds}.{} s", ms % 1000 / 100),
        60..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
    }
}

/// Year, month, day and second of the day. Howard Hinnant's `civil_from_days`: a date library would cost the download more
/// than this page of time needs.
fn civil(ms: i64) -> (i64, i64, i64, i64) {
    let seconds = ms.div_euclid(1000);
    let days = seconds.div_euclid(86400) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day, seconds.rem_euclid(86400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(utc_text(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc_text(951_782_400_000), "2000-02-29 00:00:00 UTC");
        assert_eq!(iso_text(1_763_888_772_000), "2025-11-23T09:06:12Z");
    }

    #[test]
    fn durations() {
        assert_eq!(duration_text(-5), "0.0 s");
        assert_eq!(duration_text(12_449), "12.4 s");
        assert_eq!(duration_text(65_000), "1:05");
        assert_eq!(duration_text(7_209_000), "2:00:09");
        assert_eq!(ago_text(-3000), "just now");
        assert_eq!(ago_text(61_000), "1 min ago");
        assert_eq!(ago_text(86_400_000 * 2), "2 days ago");
    }
}

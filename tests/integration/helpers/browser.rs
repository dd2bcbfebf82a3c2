//! The console's pages as a browser without scripts has them.

use std::sync::LazyLock;

use regex::Regex;
use reqwest::multipart;

use super::{Console, USER_PASSWORD};

static FORM: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?s)<form\b([^>]*)>(.*?)</form>").expect("a pattern"));
static FIELD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"<(?:input|select|textarea)\b[^>]*>").expect("a pattern"));

static MARKUP: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"<[^>]*>").expect("a pattern"));

/// A page that came back.
#[derive(Debug)]
pub struct Page {
    pub html: String,
}

impl Page {
    /// Whether this stands on it.
    pub fn says(&self, words: &str) -> bool {
        decode(&MARKUP.replace_all(&self.html, "")).contains(words)
    }
}

/// Somebody who is logged in.
pub struct Browser {
    /// With the browser's cookies; goes where it is told to and no further.
    pub http: reqwest::Client,
    url: String,
}

impl Browser {
    /// Logs a user of [`Console::user`] in.
    pub async fn login(console: &Console, username: &str) -> Self {
        Self::login_with(console, username, USER_PASSWORD).await
    }

    pub async fn login_with(console: &Console, username: &str, password: &str) -> Self {
        let http = reqwest::Client::builder()
            .cookie_store(true)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client");
        let answer = http
            .post(format!("{}/_fn/login", console.url))
            .header("sec-fetch-site", "same-origin")
            .header("accept", "text/html")
            .form(&[("username", username), ("password", password)])
            .send()
            .await
            .expect("the console answers");
        assert_eq!(answer.status(), 302, "{username} cannot log in");
        assert_eq!(answer.headers()["location"], "/");
        Self {
            http,
            url: console.url.clone(),
        }
    }

    pub async fn page(&self, path: &str) -> Page {
        let html = self.get(path).await;
        Page { html }
    }

    /// Sends these fields, and what is hidden, of the page's first form that has them all, and reads the page that comes back. A field is
    /// named in full, or by its last part. What a real browser sends besides is end2end's to try.
    pub async fn submit(&self, path: &str, values: &[(&str, &str)]) -> Page {
        let page = self.get(path).await;
        let main = page.split("<main").nth(1).unwrap_or(&page);
        let (opening, sent) = FORM
            .captures_iter(main)
            .find_map(|form| Some((form[1].to_owned(), filled(&form[2], values)?)))
            .unwrap_or_else(|| panic!("no form with {values:?} in {page}"));
        let action = attribute(&opening, "action").expect("a form has an action");
        let request = self
            .http
            .post(format!("{}{action}", self.url))
            .header("accept", "text/html")
            .header("sec-fetch-site", "same-origin")
            .header("referer", format!("{}{path}", self.url));
        let request = if attribute(&opening, "enctype").as_deref() == Some("multipart/form-data") {
            let parts = sent
                .into_iter()
                .fold(multipart::Form::new(), |form, (name, value)| form.text(name, value));
            request.multipart(parts)
        } else {
            request.form(&sent)
        };
        let answer = request.send().await.expect("the console answers");
        // A form without scripts is answered with the way to its page.
        let html = match answer.headers().get("location") {
            Some(location) => {
                let location = location.to_str().expect("an address");
                self.get(location.strip_prefix(&self.url).unwrap_or(location)).await
            }
            None => answer.text().await.expect("a page"),
        };
        Page { html }
    }

    async fn get(&self, path: &str) -> String {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await;
        answer.expect("the console answers").text().await.expect("a page")
    }
}

/// What a form sends: what is hidden in it, and `values` if it has all of their fields.
fn filled(form: &str, values: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
    let fields: Vec<&str> = FIELD.find_iter(form).map(|field| field.as_str()).collect();
    let names: Vec<String> = fields.iter().filter_map(|field| attribute(field, "name")).collect();
    let hidden = fields.iter().filter(|field| field.contains("type=\"hidden\""));
    let mut sent: Vec<(String, String)> = hidden
        .map(|field| Some((attribute(field, "name")?, attribute(field, "value").unwrap_or_default())))
        .collect::<Option<_>>()?;
    for (key, value) in values {
        let part = format!("[{key}]");
        let name = names.iter().find(|name| *name == key || name.ends_with(&part))?;
        sent.push((name.clone(), (*value).to_owned()));
    }
    Some(sent)
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    Some(decode(rest.split('"').next()?))
}

fn decode(html: &str) -> String {
    html.replace("&gt;", ">")
        .replace("&lt;", "<")
        .replace("&quot;", "\"")
        .replace("&#x27;", "'")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

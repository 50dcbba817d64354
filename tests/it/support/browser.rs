//! A real browser, used as a person uses it: it waits for what it is told to click, and clicks only
//! what can be seen.
//!
//! Speaks WebDriver to Debian's chromedriver, one for each test process. Without a chromedriver the
//! tests fail; they never skip. Every wait ends after ten seconds, and says what the page showed.

#![allow(dead_code, reason = "a set of tools: which of them the tests use changes")]

use std::future::Future;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine;
use serde_json::{Value, json};

pub use super::chromedriver::Options;
use super::chromedriver::{capabilities, chromedriver};

pub const PATIENCE: Duration = Duration::from_secs(10);

/// The key of an element's id, fixed by the WebDriver standard.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

const VISIBLE: &str = "const it = arguments[0];
    return it.checkVisibility({ visibilityProperty: true }) && it.getClientRects().length > 0;";

const TEXT: &str = "const it = arguments[0];
    return it.checkVisibility() ? (it.innerText ?? it.textContent).trim() : '';";

/// One browser with an empty profile. [`Browser::close`] it, or drop it.
pub struct Browser {
    http: reqwest::Client,
    /// `http://127.0.0.1:PORT/session/ID`
    session: String,
}

/// WebDriver's word for a failure, such as `no such element`, and its sentence.
#[derive(Debug)]
pub struct Refusal {
    pub error: String,
    pub message: String,
}

impl Refusal {
    /// Whether a page that is still being built or moved may be the reason.
    fn may_pass(&self) -> bool {
        const PASSING: [&str; 5] = [
            "no such element",
            "stale element reference",
            "element not interactable",
            "element click intercepted",
            "invalid element state",
        ];
        PASSING.contains(&self.error.as_str())
    }
}

type Answer<T> = Result<T, Refusal>;

impl Browser {
    pub async fn open(options: Options) -> Self {
        // A proxy of the machine has nothing to do with the loopback address.
        let http = reqwest::Client::builder().no_proxy();
        let mut browser = Self {
            http: http.timeout(6 * PATIENCE).build().expect("an HTTP client"),
            session: format!("http://127.0.0.1:{}/session", chromedriver().port),
        };
        let answer = browser.command("POST", "", capabilities(&options)).await;
        let answer = answer.unwrap_or_else(|refusal| panic!("Chromium did not start: {refusal:?}"));
        let id = answer["sessionId"].as_str().expect("a session's id");
        browser.session = format!("{}/{id}", browser.session);
        let scheme = if options.dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        let media = json!({ "features": features });
        browser.devtools("Emulation.setEmulatedMedia", media).await;
        browser
    }

    pub async fn goto(&self, url: &str) {
        let answer = self.post("/url", json!({ "url": url })).await;
        self.insist(answer, &format!("going to {url}")).await;
    }

    /// Clicks the first visible element that the selector finds.
    pub async fn click(&self, css: &str) {
        let doing = format!("clicking {css}");
        self.patiently(&doing, async || self.click_first("css selector", css).await).await;
    }

    /// Clicks the first visible element with exactly this text, value or `aria-label`. Without a
    /// tag, any that a person clicks: links, buttons, labels, summaries, tabs, menu items.
    pub async fn click_text(&self, tag: Option<&str>, text: &str) {
        const CLICKABLE: &str = "*[self::a or self::button or self::label or self::summary \
            or self::input[@type='submit' or @type='button'] \
            or @role='button' or @role='tab' or @role='menuitem' or @role='link']";
        let text = xpath_string(text);
        let tag = tag.unwrap_or(CLICKABLE);
        let xpath = format!("//{tag}[normalize-space(.)={text} or @aria-label={text} or self::input[@value={text}]]");
        let doing = format!("clicking what says {text}");
        self.patiently(&doing, async || self.click_first("xpath", &xpath).await).await;
    }

    /// Empties a field and types into it.
    pub async fn fill(&self, css: &str, text: &str) {
        let doing = format!("filling {css}");
        let fill = async || {
            let element = self.find("css selector", css).await?;
            self.post(&format!("{element}/clear"), json!({})).await?;
            self.type_into(&element, text).await
        };
        self.patiently(&doing, fill).await;
    }

    /// Types keys into an element or, without one, into whatever has the focus.
    pub async fn press(&self, css: Option<&str>, keys: &str) {
        let doing = format!("pressing {keys:?} in {}", css.unwrap_or("what has the focus"));
        let press = async || {
            let element = match css {
                Some(css) => self.find("css selector", css).await?,
                None => element_path(&self.get("/element/active").await?),
            };
            self.type_into(&element, keys).await
        };
        self.patiently(&doing, press).await;
        self.settle().await;
    }

    /// Chooses the option with this text in a `<select>`.
    pub async fn select(&self, css: &str, option: &str) {
        let doing = format!("selecting {option:?} in {css}");
        let xpath = format!(".//option[normalize-space(.)={}]", xpath_string(option));
        let select = async || {
            let element = self.find("css selector", css).await?;
            let search = json!({ "using": "xpath", "value": xpath });
            let found = self.post(&format!("{element}/element"), search).await?;
            self.post(&format!("{}/click", element_path(&found)), json!({})).await
        };
        self.patiently(&doing, select).await;
    }

    /// Gives a file to a file field, which need not be visible.
    pub async fn upload(&self, css: &str, file: impl AsRef<Path>) {
        let file = std::path::absolute(file).expect("a path").display().to_string();
        let doing = format!("uploading {file} to {css}");
        let upload = async || {
            let element = self.find("css selector", css).await?;
            self.type_into(&element, &file).await
        };
        self.patiently(&doing, upload).await;
    }

    /// The visible text of the first element found; waits for the element, not for a text.
    pub async fn text(&self, css: &str) -> String {
        let read = async || {
            let element = self.find("css selector", css).await?;
            self.ask(&element, TEXT).await
        };
        string(self.patiently(&format!("reading {css}"), read).await)
    }

    /// Whether the page has such an element now, visible or not.
    pub async fn exists(&self, css: &str) -> bool {
        self.find("css selector", css).await.is_ok()
    }

    /// Waits until there is such an element and it is visible.
    pub async fn wait_for(&self, css: &str) {
        let see = async || {
            for element in self.find_all("css selector", css).await? {
                if self.is_visible(&element).await? {
                    return Ok(());
                }
            }
            Err(nothing(css))
        };
        self.patiently(&format!("waiting for {css}"), see).await;
    }

    /// Waits until the page shows this text somewhere.
    pub async fn wait_text(&self, text: &str) {
        let see = async || self.body().await.contains(text).then_some(()).ok_or(nothing(text));
        self.patiently(&format!("waiting for the text {text:?}"), see).await;
    }

    /// Waits until the page's URL contains this.
    pub async fn wait_url(&self, part: &str) {
        let see = async || self.url().await.contains(part).then_some(()).ok_or(nothing(part));
        self.patiently(&format!("waiting for a URL with {part:?}"), see).await;
    }

    pub async fn url(&self) -> String {
        string(self.get("/url").await.expect("the page's URL"))
    }

    pub async fn title(&self) -> String {
        string(self.get("/title").await.expect("the page's title"))
    }

    /// Runs the body of a function in the page and answers what it returns; a promise is awaited.
    /// Also works where the page itself may run no scripts.
    pub async fn eval(&self, js: &str) -> Value {
        let body = json!({ "script": js, "args": [] });
        let value = self.post("/execute/sync", body).await;
        self.insist(value, &format!("running {}", js.get(..200).unwrap_or(js))).await
    }

    /// Saves the whole page as a PNG file, also what one would have to scroll to.
    pub async fn screenshot(&self, path: impl AsRef<Path>) {
        let whole = json!({ "format": "png", "captureBeyondViewport": true });
        let answer = self.devtools("Page.captureScreenshot", whole).await;
        let base64 = answer["data"].as_str().expect("a picture");
        let png = base64::engine::general_purpose::STANDARD.decode(base64).expect("base64");
        let path = path.as_ref();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).expect("a folder for the picture");
        }
        std::fs::write(path, png).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// The errors of the browser's console since the last call: uncaught exceptions, what the
    /// content security policy or Trusted Types refused, and files that could not be fetched.
    pub async fn console_errors(&self) -> Vec<String> {
        let log = self.post("/se/log", json!({ "type": "browser" })).await;
        let log = self.insist(log, "reading the console").await;
        let entries = log.as_array().cloned().unwrap_or_default();
        let severe = entries.iter().filter(|entry| entry["level"] == "SEVERE");
        severe.map(|entry| string(entry["message"].clone())).collect()
    }

    /// Sends a command of the DevTools protocol, for what WebDriver has no word for.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        let answer = self.post("/goog/cdp/execute", body).await;
        answer.unwrap_or_else(|refusal| panic!("{command}: {refusal:?}"))
    }

    /// Sends a WebDriver command of this session: `path` is what follows the session's id.
    pub async fn command(&self, method: &str, path: &str, body: Value) -> Answer<Value> {
        let url = format!("{}{path}", self.session);
        let request = match method {
            "GET" => self.http.get(&url),
            "DELETE" => self.http.delete(&url),
            _ => self.http.post(&url).json(&body),
        };
        let response = request.send().await;
        let response = response.unwrap_or_else(|error| panic!("{method} {url}: {error:?}"));
        let ok = response.status().is_success();
        let mut answer: Value = response.json().await.expect("chromedriver answers JSON");
        let value = answer["value"].take();
        if ok {
            return Ok(value);
        }
        let error = string(value["error"].clone());
        Err(Refusal { error, message: string(value["message"].clone()) })
    }

    async fn get(&self, path: &str) -> Answer<Value> {
        self.command("GET", path, Value::Null).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer<Value> {
        self.command("POST", path, body).await
    }

    pub async fn close(self) {
        self.command("DELETE", "", json!({})).await.ok();
    }

    async fn click_first(&self, using: &str, value: &str) -> Answer<()> {
        let mut refusal = nothing(value);
        for element in self.find_all(using, value).await? {
            // The same link often stands in two menus, of which one is hidden at this width.
            if self.is_visible(&element).await? {
                match self.post(&format!("{element}/click"), json!({})).await {
                    Ok(_) => {
                        self.settle().await;
                        return Ok(());
                    }
                    Err(other) => refusal = other,
                }
            }
        }
        Err(refusal)
    }

    /// A form is sent a moment after the click on its button. WebDriver waits for a page that is on
    /// its way, but only when it already is.
    async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.get("/title").await.ok();
    }

    async fn type_into(&self, element: &str, keys: &str) -> Answer<Value> {
        self.post(&format!("{element}/value"), json!({ "text": keys })).await
    }

    async fn is_visible(&self, element: &str) -> Answer<bool> {
        Ok(self.ask(element, VISIBLE).await? == true)
    }

    /// Runs a function body with the element as its argument. WebDriver has words for text and
    /// visibility too, but those take all that stands in a `<noscript>` for invisible.
    async fn ask(&self, element: &str, js: &str) -> Answer<Value> {
        let id = element.trim_start_matches("/element/");
        let body = json!({ "script": js, "args": [{ ELEMENT: id }] });
        self.post("/execute/sync", body).await
    }

    async fn find(&self, using: &str, value: &str) -> Answer<String> {
        let search = json!({ "using": using, "value": value });
        Ok(element_path(&self.post("/element", search).await?))
    }

    async fn find_all(&self, using: &str, value: &str) -> Answer<Vec<String>> {
        let search = json!({ "using": using, "value": value });
        let found = self.post("/elements", search).await?;
        Ok(found.as_array().into_iter().flatten().map(element_path).collect())
    }

    /// What the page shows, as far as it can be read.
    async fn body(&self) -> String {
        let Ok(element) = self.find("css selector", "body").await else {
            return String::new();
        };
        self.ask(&element, TEXT).await.map(string).unwrap_or_default()
    }

    async fn patiently<T, F>(&self, doing: &str, attempt: impl Fn() -> F) -> T
    where
        F: Future<Output = Answer<T>>,
    {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match attempt().await {
                Err(refusal) if refusal.may_pass() && Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                answer => return self.insist(answer, doing).await,
            }
        }
    }

    async fn insist<T>(&self, answer: Answer<T>, doing: &str) -> T {
        match answer {
            Ok(value) => value,
            Err(Refusal { error, message }) => {
                let url = self.get("/url").await.map(string);
                let title = self.get("/title").await.map(string);
                let (url, title) = (url.unwrap_or_default(), title.unwrap_or_default());
                let body = self.body().await;
                panic!("{doing}: {error}: {message}\npage: {url}\ntitle: {title}\n\n{body}\n");
            }
        }
    }
}

impl Drop for Browser {
    /// After a failed assertion nobody closes the browser, and those of other tests go on.
    fn drop(&mut self) {
        let Some((address, id)) = self.session["http://".len()..].split_once("/session/") else {
            return;
        };
        let Ok(mut stream) = TcpStream::connect(address) else {
            return;
        };
        stream.set_read_timeout(Some(PATIENCE)).ok();
        let head = format!("DELETE /session/{id} HTTP/1.1\r\nHost: {address}\r\n");
        stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).ok();
        // It has let go of its files when it answers.
        stream.read_exact(&mut [0]).ok();
    }
}

fn nothing(what: &str) -> Refusal {
    let message = format!("the page shows no {what}");
    Refusal { error: "no such element".to_owned(), message }
}

/// The path of an element below its session, from WebDriver's reference to it.
fn element_path(reference: &Value) -> String {
    let id = reference[ELEMENT].as_str().expect("an element");
    format!("/element/{id}")
}

fn string(value: Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// XPath has no escapes: a text with both kinds of quote has to be put together.
fn xpath_string(text: &str) -> String {
    if !text.contains('"') {
        return format!("\"{text}\"");
    }
    let parts: Vec<String> = text.split('"').map(|part| format!("\"{part}\"")).collect();
    format!("concat({})", parts.join(", '\"', "))
}

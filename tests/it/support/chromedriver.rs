//! Debian's chromedriver, one for each test process, and the kinds of browser that it starts.

use std::{
    io::{BufRead, BufReader, Lines},
    os::unix::process::CommandExt,
    process::{Child, ChildStdout, Command, Stdio},
    sync::OnceLock,
};

use serde_json::{Value, json};

use super::browser::PATIENCE;

#[derive(Clone, Debug)]
pub struct Options {
    /// Of the page, in CSS pixels.
    pub width: u32,
    pub height: u32,
    /// What `prefers-color-scheme` says.
    pub dark: bool,
    /// Whether the page may run JavaScript.
    pub script: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { width: 1280, height: 800, dark: false, script: true }
    }
}

impl Options {
    /// A phone: narrow, and with a finger for a mouse.
    pub fn phone() -> Self {
        Self { width: 390, height: 844, ..Self::default() }
    }
}

pub struct Chromedriver {
    pub port: u16,
    /// Its standard input, which only we hold open, is what keeps it alive.
    _script: Child,
    /// Read to the end of a start; closed, it would kill a driver that has more to say.
    _output: Lines<BufReader<ChildStdout>>,
}

/// Nothing runs for certain at the end of a test process, least of all after a kill. But the system
/// closes our end of a pipe, whatever happens, and this script waits for that: then it ends the
/// driver with the browsers that are left, which are all in its process group, and deletes their
/// profiles.
const KEEPER: &str = r#"
set -m
folder=$(mktemp -d)
TMPDIR=$folder chromedriver --port=0 </dev/null 2>/dev/null &
driver=$!
exec >/dev/null
cat
kill -KILL -- "-$driver"
rm -rf "$folder"
"#;

pub fn chromedriver() -> &'static Chromedriver {
    static DRIVER: OnceLock<Chromedriver> = OnceLock::new();
    DRIVER.get_or_init(|| {
        for (program, package) in [("chromedriver", "chromium-driver"), ("chromium", "chromium")] {
            let found = in_path(program).is_some();
            assert!(found, "no {program}: apt-get install {package} (./test installs it)");
        }
        let mut script = Command::new("bash")
            .args(["-c", KEEPER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Its own group: what stops the tests must not stop it before it has tidied up.
            .process_group(0)
            .spawn()
            .expect("bash starts");
        let mut output = BufReader::new(script.stdout.take().expect("piped")).lines();
        let started = "ChromeDriver was started successfully on port ";
        let port = output
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix(started)?.trim_end_matches('.').parse().ok());
        let port = port.expect("chromedriver starts and says its port");
        Chromedriver { port, _script: script, _output: output }
    })
}

/// Where a program is, as a shell would find it.
fn in_path(program: &str) -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).map(|folder| folder.join(program));
    found.find(|file| file.is_file()).map(|file| file.display().to_string())
}

/// What a new session is asked to be.
pub fn capabilities(options: &Options) -> Value {
    let Options { width, height, .. } = *options;
    let phone = width < 600;
    let mut chrome = json!({
        "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--accept-lang=en-US,en", "--hide-scrollbars", format!("--window-size={width},{height}"),
        ],
        // A window is never narrower than 500 pixels; only an emulated screen is.
        "mobileEmulation": { "deviceMetrics": {
            "width": width, "height": height, "pixelRatio": 1, "touch": phone, "mobile": phone,
        } },
    });
    if !options.script {
        // As a person does it, in the settings: 2 stands for "block".
        chrome["prefs"] = json!({ "profile.managed_default_content_settings.javascript": 2 });
    }
    if let Some(binary) = in_path("chromium") {
        chrome["binary"] = json!(binary);
    }
    json!({ "capabilities": { "alwaysMatch": {
        "browserName": "chrome",
        "goog:chromeOptions": chrome,
        "goog:loggingPrefs": { "browser": "ALL" },
        "unhandledPromptBehavior": "accept",
        "timeouts": { "pageLoad": PATIENCE.as_millis(), "script": PATIENCE.as_millis() },
    } } })
}

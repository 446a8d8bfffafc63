//! A real Chromium, driven over the WebDriver protocol: HTTP and JSON to a `chromedriver` of its own.
//!
//! Nothing here sleeps. [`Browser::wait`] looks at the page until a condition holds, and panics at its deadline.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};

use super::client::Connection;

/// Milliseconds that a condition may take to hold. A test that waits longer has failed.
const PATIENCE_MS: u64 = 50_000;

/// Milliseconds that [`Browser::wait`] looks at one document. A script leads to another one at any time, and ends the look.
const LOOK_MS: u64 = 1_000;

/// What the driver says of a look whose document has gone.
const GONE: [&str; 3] = [
    "script timeout",
    "javascript error",
    "aborted by navigation",
];

/// The member that marks a reference to an element (W3C WebDriver, section 12).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keys without a character of their own, for [`Browser::press`] and [`Element::write`].
pub(crate) mod keys {
    pub(crate) const TAB: char = '\u{e004}';
    pub(crate) const ENTER: char = '\u{e007}';
    pub(crate) const CONTROL: char = '\u{e009}';
    pub(crate) const ESCAPE: char = '\u{e00c}';
    pub(crate) const DELETE: char = '\u{e017}';
}

/// A browser with one window. It ends when it is dropped.
pub(crate) struct Browser {
    driver: Child,
    #[expect(dead_code, reason = "the driver writes there")]
    stdout: BufReader<ChildStdout>,
    address: SocketAddr,
    session: String,
}

/// An element of the page.
pub(crate) struct Element<'b> {
    browser: &'b Browser,
    id: String,
}

impl Browser {
    /// Starts a browser whose page has this width and height in pixels.
    pub(crate) fn start(width: u32, height: u32) -> Self {
        Self::start_with(width, height, &json!({}))
    }

    /// Starts a browser that runs no scripts of pages.
    pub(crate) fn start_without_scripts(width: u32, height: u32) -> Self {
        let blocked = json!({"profile.managed_default_content_settings.javascript": 2});
        Self::start_with(width, height, &blocked)
    }

    fn start_with(width: u32, height: u32, preferences: &Value) -> Self {
        let (driver, stdout, port) = start_driver();
        let mut browser = Self {
            driver,
            stdout,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            session: String::new(),
        };
        // The window is larger than the page, which `resize` sets: windows have a least width.
        let window = format!("--window-size={},{}", width.max(800), height + 200);
        let flags = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            &window,
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": flags, "prefs": preferences},
            "goog:loggingPrefs": {"browser": "ALL"},
            "timeouts": {"script": 10 * LOOK_MS},
        }}});
        let made = browser.call("POST", "/session", &wanted);
        browser.session = format!("/session/{}", text(&made["sessionId"]));
        browser.resize(width, height);
        browser
    }

    /// Sets the size of the page, in pixels.
    pub(crate) fn resize(&self, width: u32, height: u32) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Sets what the user prefers: `light` or `dark`.
    pub(crate) fn prefer(&self, scheme: &str) {
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        self.devtools(
            "Emulation.setEmulatedMedia",
            &json!({"features": [feature]}),
        );
    }

    /// Lets the page read the clipboard, so that a test can.
    pub(crate) fn permit_clipboard(&self) {
        let wanted = json!({"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]});
        self.devtools("Browser.grantPermissions", &wanted);
    }

    /// Runs a command of the Chrome DevTools protocol.
    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        self.post("/goog/cdp/execute", &body)
    }

    /// Goes to a URL, and waits until the page has loaded.
    pub(crate) fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// Runs the body of a function in the page. Its arguments are `arguments[0]` and so on. Returns what it returns.
    pub(crate) fn run(&self, script: &str, arguments: &[Value]) -> Value {
        let body = json!({"script": script, "args": arguments});
        self.post("/execute/sync", &body)
    }

    /// Runs the body of an async function in the page, and returns what it returns in the end.
    pub(crate) fn run_async(&self, script: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];
            (async () => {{ {script} }})().then((value) => done({{ value }}), (error) => done({{ error: String(error) }}));"
        );
        let body = json!({"script": script, "args": []});
        self.post("/timeouts", &json!({"script": PATIENCE_MS}));
        let mut outcome = self.post("/execute/async", &body);
        self.post("/timeouts", &json!({"script": 2 * LOOK_MS}));
        assert!(outcome["error"].is_null(), "{outcome}");
        outcome["value"].take()
    }

    /// Waits until an expression of the page is truthy, and returns its value. An expression that throws does not hold yet. The
    /// page may lead to another one meanwhile.
    pub(crate) fn wait(&self, expression: &str) -> Value {
        self.wait_with(expression, &[])
    }

    /// [`Self::wait`] with arguments, which the expression reads as `given[0]` and so on.
    pub(crate) fn wait_with(&self, expression: &str, given: &[Value]) -> Value {
        let script = "const [source, given, patience, done] = arguments;
            const condition = new Function('given', `return (${source})`);
            const began = performance.now();
            const look = () => {
                let value = null;
                try { value = condition(given); } catch { /* It does not hold yet. */ }
                if (value || performance.now() - began > patience) done(value || null);
                else setTimeout(look, 10);
            };
            look();";
        let body = json!({"script": script, "args": [expression, given, LOOK_MS]});
        let path = format!("{}/execute/async", self.session);
        let began = Instant::now();
        let mut said = Value::Null;
        while began.elapsed() < Duration::from_millis(PATIENCE_MS) {
            let (status, mut answer) = self.ask("POST", &path, &body);
            let value = answer["value"].take();
            if status != 200 {
                let is_gone = GONE.iter().any(|gone| value["error"] == **gone);
                assert!(is_gone, "{expression} of {given:?}: {value}");
                said = value;
            } else if !value.is_null() {
                return value;
            }
        }
        panic!(
            "after {PATIENCE_MS} ms this does not hold: {expression} of {given:?}\n{}\n{said}",
            self.run("return document.body.innerText.slice(0, 4000)", &[])
        )
    }

    /// The first element that a CSS selector matches. Waits until there is one.
    pub(crate) fn find(&self, selector: &str) -> Element<'_> {
        let found = self.wait_with("document.querySelector(given[0])", &[selector.into()]);
        self.element(&found)
    }

    /// The text of the first element that a CSS selector matches, in one look: the page may replace its elements at any time.
    pub(crate) fn text_of(&self, selector: &str) -> String {
        let found = self.wait_with(
            "document.querySelector(given[0]).innerText",
            &[selector.into()],
        );
        text(&found).to_owned()
    }

    /// Waits until the first element that a CSS selector matches has this text. For elements that the page before has too: after a
    /// click, [`Self::find`] may still find its element.
    pub(crate) fn find_text(&self, selector: &str, text: &str) {
        let given = [selector.into(), text.into()];
        self.wait_with(
            "document.querySelector(given[0])?.innerText === given[1]",
            &given,
        );
    }

    /// The control with this label inside the element of a CSS selector: a button by its text, a field by its `<label>`.
    pub(crate) fn labelled(&self, scope: &str, label: &str) -> Element<'_> {
        let look = "[...document.querySelector(given[0]).querySelectorAll('button, label')]
            .filter((one) => one.textContent.trim() === given[1])
            .map((one) => one.control ?? one)[0]";
        let found = self.wait_with(look, &[scope.into(), label.into()]);
        self.element(&found)
    }

    /// The element that has the focus.
    pub(crate) fn focused(&self) -> Element<'_> {
        let found = self.run("return document.activeElement", &[]);
        self.element(&found)
    }

    /// How many elements a CSS selector matches that are on the page and not hidden.
    pub(crate) fn count_shown(&self, selector: &str) -> u64 {
        let script = "return [...document.querySelectorAll(arguments[0])]
            .filter((one) => one.checkVisibility()).length";
        self.run(script, &[selector.into()]).as_u64().unwrap()
    }

    /// Presses keys one after the other, as on a keyboard. [`keys::CONTROL`] is held for the key that follows it.
    pub(crate) fn press(&self, keys: &[char]) {
        let mut actions = Vec::new();
        let mut is_held = false;
        for key in keys {
            actions.push(json!({"type": "keyDown", "value": key}));
            if *key == keys::CONTROL {
                is_held = true;
                continue;
            }
            actions.push(json!({"type": "keyUp", "value": key}));
            if std::mem::take(&mut is_held) {
                actions.push(json!({"type": "keyUp", "value": keys::CONTROL}));
            }
        }
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": actions});
        self.post("/actions", &json!({"actions": [keyboard]}));
    }

    /// The page as a PNG.
    pub(crate) fn screenshot(&self) -> Vec<u8> {
        let picture = self.call("GET", &format!("{}/screenshot", self.session), &Value::Null);
        let engine = base64::engine::general_purpose::STANDARD;
        engine.decode(text(&picture)).expect("a picture is Base64")
    }

    /// Errors in the console since the last call: exceptions, and what the content security policy blocked. Responses of status
    /// 400 and above are left out, because tests cause them.
    pub(crate) fn errors(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({"type": "browser"}));
        let entries = entries.as_array().expect("a log is a list");
        let entries = entries.iter();
        let told = entries
            .filter(|entry| entry["level"] == "SEVERE" && entry["source"] != "network")
            .map(|entry| text(&entry["message"]).to_owned());
        told.collect()
    }

    fn element(&self, reference: &Value) -> Element<'_> {
        Element {
            browser: self,
            id: text(&reference[ELEMENT]).to_owned(),
        }
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.call("POST", &format!("{}{path}", self.session), body)
    }

    /// Sends a command to the driver. Panics if it fails.
    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, mut answer) = self.ask(method, path, body);
        assert!(
            status == 200,
            "{method} {path} {body}: {}",
            answer["value"]["message"]
        );
        answer["value"].take()
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        // The driver accepts no other host.
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let mut connection = Connection::open(self.address);
        connection.write((head + &body).as_bytes());
        let answer = connection.read().expect("the driver answers");
        (answer.status, answer.json())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends the browser itself; the driver's end would leave it.
        if !self.session.is_empty() {
            let session = std::mem::take(&mut self.session);
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                self.ask("DELETE", &session, &Value::Null)
            }));
            drop(ended);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Element<'_> {
    /// Scrolls the element into view and clicks it.
    pub(crate) fn click(&self) {
        self.post("click", &json!({}));
    }

    /// Types into the element, after what is there.
    pub(crate) fn write(&self, text: &str) {
        self.post("value", &json!({ "text": text }));
    }

    /// Replaces the value of a field by typing.
    pub(crate) fn fill(&self, text: &str) {
        self.write(&format!("{}a", keys::CONTROL));
        // A null key releases the held ones.
        self.write(&format!("\u{e000}{}{text}", keys::DELETE));
    }

    /// Chooses the option with this value.
    pub(crate) fn choose(&self, value: &str) {
        let script = "const [select, value] = arguments;
            return [...select.options].find((option) => option.value === value)";
        let found = self.browser.run(script, &[self.reference(), value.into()]);
        assert!(found.is_object(), "there is no choice {value}");
        self.browser.element(&found).click();
    }

    /// The text as it is shown.
    pub(crate) fn text(&self) -> String {
        text(&self.get("text")).to_owned()
    }

    /// A property, such as `value`, `tagName` or `textContent`.
    pub(crate) fn property(&self, name: &str) -> Value {
        self.get(&format!("property/{name}"))
    }

    /// The value of a field.
    pub(crate) fn value(&self) -> String {
        text(&self.property("value")).to_owned()
    }

    fn reference(&self) -> Value {
        json!({ ELEMENT: self.id })
    }

    fn get(&self, what: &str) -> Value {
        let path = format!("{}/element/{}/{what}", self.browser.session, self.id);
        self.browser.call("GET", &path, &Value::Null)
    }

    fn post(&self, what: &str, body: &Value) {
        let path = format!("/element/{}/{what}", self.id);
        self.browser.post(&path, body);
    }
}

/// Starts the driver, on a port that it chooses. It takes one that is free for IPv6, and ends if another process has the same one for
/// IPv4. Then it has to choose another.
fn start_driver() -> (Child, BufReader<ChildStdout>, u16) {
    loop {
        let driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut driver = driver.expect("chromedriver is installed; ./test does that");
        let mut stdout = BufReader::new(driver.stdout.take().unwrap());
        match port_of(&mut stdout) {
            Ok(port) => return (driver, stdout, port),
            Err(said) => {
                driver.wait().expect("its output has ended");
                let is_taken = said.contains("port not available");
                assert!(is_taken, "chromedriver did not start: {said}");
            }
        }
    }
}

/// The port that the driver chose, from what it prints. If it ends without one, all that it has printed.
fn port_of(stdout: &mut BufReader<ChildStdout>) -> Result<u16, String> {
    let mut said = String::new();
    loop {
        let before = said.len();
        let length = stdout
            .read_line(&mut said)
            .expect("the driver's output can be read");
        if length == 0 {
            return Err(said);
        }
        let port = said[before..].split("successfully on port ").nth(1);
        if let Some(port) = port.and_then(|port| port.trim().trim_end_matches('.').parse().ok()) {
            return Ok(port);
        }
    }
}

fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}

//! A headless Chromium, driven through the pipe that it has for that: JSON, each message ended by a zero byte. That needs
//! no crate, no port and no handshake.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::tool::skipped;

/// The names under which it is installed.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A browser that says nothing for so long is killed, and its test fails.
const LIMIT: Duration = Duration::from_secs(120);

/// What has not come true after so long will not.
const PATIENCE: Duration = Duration::from_secs(60);

/// Now and then a headless browser stops drawing, flags or no flags: a frame that doesn't come is taken to have come.
const FRAMES: &str = "
    const draw = window.requestAnimationFrame.bind(window);
    window.requestAnimationFrame = (callback) => {
        let due = true;
        const once = (time) => { if (due) { due = false; callback(time); } };
        setTimeout(() => once(performance.now()), 200);
        return draw(once);
    };";

pub struct Browser {
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: Option<String>,
    calls: u64,
    is_loaded: bool,
    /// The addresses of everything that pages asked for.
    pub requests: Vec<String>,
    /// What scripts threw, and what the policy did not allow.
    pub complaints: Vec<String>,
    /// It no longer answers, or does not come to what is waited for.
    is_stuck: bool,
    /// Whoever holds the other end kills the browser when this one goes.
    alive: Option<Sender<()>>,
    _profile: TempDir,
}

/// Runs a test with a browser, where there is one.
///
/// Now and then a headless browser hangs on a busy machine, whatever page it shows. So one that got stuck is followed by
/// another one, and only if the last one does, too, the page is to blame. What a test finds wrong is wrong at once.
#[track_caller]
pub fn with_browser(test: impl Fn(&mut Browser)) {
    for next in [true, true, false] {
        let Some(mut browser) = Browser::open() else { return };
        let Err(panic) = catch_unwind(AssertUnwindSafe(|| test(&mut browser))) else { return };
        if !(browser.is_stuck && next) {
            resume_unwind(panic);
        }
    }
}

impl Browser {
    /// `None`, and a word on stderr, where there is no browser.
    fn open() -> Option<Self> {
        let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
        let found = NAMES.iter().find_map(|name| folders.iter().map(|it| it.join(name)).find(|it| it.is_file()));
        let Some(program) = found else {
            skipped(format_args!("no page was opened, since none of {} is installed", NAMES.join(", ")));
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let mut arguments: Vec<OsString> =
            ["--headless", "--remote-debugging-pipe", "--disable-gpu", "--no-first-run", "--hide-scrollbars"]
                .map(OsString::from)
                .to_vec();
        // A page that is taken for hidden is not drawn, and its timers hardly run.
        let never_hidden = [
            "--disable-backgrounding-occluded-windows",
            "--disable-renderer-backgrounding",
            "--disable-background-timer-throttling",
        ];
        arguments.extend(never_hidden.map(OsString::from));
        // Frames go through shared memory, of which a container may have next to none.
        arguments.push("--disable-dev-shm-usage".into());
        arguments.push(format!("--user-data-dir={}", profile.path().display()).into());
        if fs::metadata(profile.path()).unwrap().uid() == 0 {
            // Chromium has no sandbox for root.
            arguments.push("--no-sandbox".into());
        }
        // It reads from descriptor 3 and writes to 4, which a shell can set up.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell starts");
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let (requests, complaints) = (Vec::new(), Vec::new());
        let alive = Some(guard(child));
        let mut browser = Self {
            to,
            from,
            session: None,
            calls: 0,
            is_loaded: false,
            requests,
            complaints,
            is_stuck: false,
            alive,
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", attach);
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Inspector", "Page", "Runtime", "Network", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": FRAMES }));
        // Keys go to a page that has the focus, and no window manager gives it one here.
        browser.call("Emulation.setFocusEmulationEnabled", json!({ "enabled": true }));
        browser.call("Page.bringToFront", json!({}));
        Some(browser)
    }

    /// Calls a method of the `DevTools` protocol and waits for what it gives.
    #[track_caller]
    pub fn call(&mut self, method: &str, parameters: impl Into<Value>) -> Value {
        let call = self.send(method, parameters);
        loop {
            let mut answer = self.message(method);
            if answer["id"] == call {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].take();
            }
            self.happened(&answer);
        }
    }

    /// Calls a method and does not wait; gives the number of the call.
    fn send(&mut self, method: &str, parameters: impl Into<Value>) -> u64 {
        self.calls += 1;
        let mut message = json!({ "id": self.calls, "method": method, "params": parameters.into() });
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        let written = self.to.write_all(format!("{message}\0").as_bytes());
        self.is_stuck |= written.is_err();
        written.expect("the browser listens");
        self.calls
    }

    fn happened(&mut self, event: &Value) {
        assert!(event["error"].is_null(), "{event}");
        let parameters = &event["params"];
        match event["method"].as_str() {
            Some("Network.requestWillBeSent") => {
                self.requests.extend(parameters["request"]["url"].as_str().map(str::to_owned));
            }
            Some("Page.loadEventFired") => self.is_loaded = true,
            // Nothing that is asked of it would be answered any more.
            Some("Inspector.targetCrashed") => {
                self.is_stuck = true;
                panic!("the page's process has crashed");
            }
            Some("Runtime.exceptionThrown") => self.complaints.push(parameters["exceptionDetails"].to_string()),
            Some("Log.entryAdded") => self.complaints.push(parameters["entry"]["text"].to_string()),
            _ => {}
        }
    }

    /// Opens a file in a window of this width, by day or by night, and waits until its script is through.
    #[track_caller]
    pub fn visit(&mut self, file: &Path, width: u32, scheme: &str) {
        let size = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", size);
        let scheme = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": scheme }));
        // From page to page only the part behind the # might change, and that loads nothing.
        self.load("Page.navigate", json!({ "url": "about:blank" }));
        self.load("Page.navigate", json!({ "url": format!("file://{}", file.display()) }));
    }

    /// Loads a page, with the method that does so, and waits for its end.
    #[track_caller]
    pub fn load(&mut self, method: &str, parameters: impl Into<Value>) {
        self.is_loaded = false;
        self.call(method, parameters);
        while !self.is_loaded {
            let event = self.message(method);
            self.happened(&event);
        }
    }

    #[track_caller]
    fn message(&mut self, during: &str) -> Value {
        let mut message = Vec::new();
        self.from.read_until(0, &mut message).unwrap();
        let is_whole = message.pop() == Some(0);
        self.is_stuck |= !is_whole;
        assert!(is_whole, "the browser is gone, in {during}");
        serde_json::from_slice(&message).expect("JSON")
    }

    /// The value of an expression, or what it promises.
    #[track_caller]
    pub fn value(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut result = self.call("Runtime.evaluate", parameters);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {}", result["exceptionDetails"]);
        result["result"]["value"].take()
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub fn wait(&mut self, condition: &str) {
        let look = format!(
            "new Promise(done => {{
                const late = performance.now() + 2000;
                const look = () => {{
                    const held = !!({condition});
                    if (held || performance.now() > late) done(held); else setTimeout(look, 5);
                }};
                look();
            }})"
        );
        let late = Instant::now() + PATIENCE;
        while self.value(&look) == false {
            if Instant::now() > late {
                self.is_stuck = true;
                let focus = self.value("document.activeElement?.outerHTML.slice(0, 500)");
                let chart = self.value("JSON.stringify(document.getElementById('chart')?.dataset)");
                panic!("never {condition}; {:?}; the focus is on {focus}, the timeline shows {chart}", self.complaints);
            }
            // A picture makes it draw, and what waits for that happens: a page is told of a new colour scheme so.
            self.call("Page.captureScreenshot", json!({}));
        }
    }

    /// Has the mouse do something at a place in the window: `mouseMoved`, `mousePressed`, `mouseReleased`, `mouseWheel`.
    ///
    /// A page is told of it with its next frame, and that may not come by itself: so look for what follows with
    /// [`Self::wait`], which makes it draw.
    pub fn mouse(&mut self, what: &str, (x, y): (f64, f64), more: &Value) {
        let button = if what == "mousePressed" || what == "mouseReleased" { "left" } else { "none" };
        let mut parameters = json!({ "type": what, "x": x, "y": y, "button": button, "clickCount": 1 });
        for (name, value) in more.as_object().into_iter().flatten() {
            parameters[name] = value.clone();
        }
        self.send("Input.dispatchMouseEvent", parameters);
    }

    pub fn click(&mut self, place: (f64, f64)) {
        for what in ["mouseMoved", "mousePressed", "mouseReleased"] {
            self.mouse(what, place, &json!({}));
        }
    }

    /// The middle of an element, once that is to be seen.
    #[track_caller]
    pub fn middle(&mut self, element: &str) -> (f64, f64) {
        let middle = format!(
            "(() => {{
                const it = {element};
                it.scrollIntoView({{ block: 'center', behavior: 'instant' }});
                const room = it.getBoundingClientRect();
                return [room.left + room.width / 2, room.top + room.height / 2];
            }})()"
        );
        let at = self.value(&middle);
        (at[0].as_f64().unwrap(), at[1].as_f64().unwrap())
    }

    /// Presses keys, by their names.
    pub fn press(&mut self, keys: &[&str]) {
        for key in keys {
            let text = match *key {
                "Enter" => "\r",
                key if key.chars().count() == 1 => key,
                _ => "",
            };
            let down = if text.is_empty() { "rawKeyDown" } else { "keyDown" };
            let code = match *key {
                "Enter" => 13,
                "Tab" => 9,
                "Escape" => 27,
                "ArrowLeft" => 37,
                "ArrowUp" => 38,
                "ArrowRight" => 39,
                "ArrowDown" => 40,
                _ => 0,
            };
            self.call(
                "Input.dispatchKeyEvent",
                json!({ "type": down, "key": key, "text": text, "windowsVirtualKeyCode": code }),
            );
            self.call("Input.dispatchKeyEvent", json!({ "type": "keyUp", "key": key, "windowsVirtualKeyCode": code }));
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.alive.take();
    }
}

/// Kills the browser when the sender is dropped, or when it has taken too long.
fn guard(mut child: Child) -> Sender<()> {
    let (alive, gone) = mpsc::channel::<()>();
    thread::spawn(move || {
        let _ = gone.recv_timeout(LIMIT);
        let _ = child.kill();
        let _ = child.wait();
    });
    alive
}

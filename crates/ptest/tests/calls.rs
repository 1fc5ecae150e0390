//! Concurrent calls: what comes back, what is printed, and that nothing is left of them.

#![cfg(unix)]
#![expect(clippy::needless_pass_by_value, reason = "what is called concurrently owns its arguments")]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ptest::{CallError, call_concurrently, calls, make_concurrent_calls, test};

/// A folder of a test's own, which goes away with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ptest-calls-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Whatever is left of it is in nobody's way.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn behave(how: String) -> Result<u32, String> {
    match &*how {
        "panic" => panic!("as it was told"),
        "abort" => std::process::abort(),
        "exit" => std::process::exit(0),
        "hang" => {
            eprintln!("hangs");
            loop {
                std::thread::park();
            }
        }
        "error" => Err("an error".to_owned()),
        number => Ok(number.parse().unwrap()),
    }
}

#[test]
fn results_come_in_the_order_of_the_calls_whatever_becomes_of_each() {
    let told = |how: &str| how.to_owned();
    let calls = calls![
        behave(told("panic")),
        behave(told("7")),
        behave(told("abort")),
        behave(told("error")),
        behave(told("exit")),
        behave(told("8")),
    ];
    let results = make_concurrent_calls(calls).run();
    assert_eq!(results.len(), 6);
    let Err(CallError::Panicked { message, location, .. }) = &results[0] else { panic!("{results:?}") };
    assert_eq!(message, "as it was told");
    assert!(location.as_ref().unwrap().contains("calls.rs:"), "{location:?}");
    assert_eq!(results[1].as_ref().unwrap(), &Ok(7));
    let Err(CallError::Exited { status, .. }) = &results[2] else { panic!("{results:?}") };
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(status), Some(6));
    let error = results[2].as_ref().unwrap_err();
    assert!(error.to_string().starts_with("exited without a result: signal 6 (SIGABRT)"), "{error}");
    assert!(format!("{error:?}").starts_with("Exited { status: signal 6 (SIGABRT)"), "{error:?}");
    assert_eq!(results[3].as_ref().unwrap(), &Err("an error".to_owned()));
    let Err(CallError::Exited { status, .. }) = &results[4] else { panic!("{results:?}") };
    assert!(status.success());
    assert_eq!(results[4].as_ref().unwrap_err().to_string(), "exited without a result: exit status 0");
    assert_eq!(results[5].as_ref().unwrap(), &Ok(8));
}

#[test]
fn a_call_without_an_end_is_ended_and_says_what_it_wrote() {
    let calls = make_concurrent_calls(calls![behave("hang".to_owned()), behave("1".to_owned())]);
    let results = calls.timeout(Duration::from_millis(1500)).run();
    let Err(CallError::TimedOut { after, stderr }) = &results[0] else { panic!("{results:?}") };
    assert_eq!((*after, &**stderr), (Duration::from_millis(1500), "hangs\n"));
    assert_eq!(results[1].as_ref().unwrap(), &Ok(1));
}

fn variable(name: String) -> Option<String> {
    std::env::var(name).ok()
}

#[test]
fn calls_have_the_environment_of_the_test_and_what_is_added() {
    let calls = calls![variable("PTEST_CALLS_TEST".to_owned()), variable("PATH".to_owned())];
    let results = make_concurrent_calls(calls).env("PTEST_CALLS_TEST", "yes").run();
    let results: Vec<_> = results.into_iter().map(Result::unwrap).collect();
    assert_eq!(results, [Some("yes".to_owned()), std::env::var("PATH").ok()]);
}

async fn double(number: u32) -> u32 {
    std::future::ready(2 * number).await
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

#[test]
fn a_closure_that_captures_nothing_will_do_and_an_async_function_within_it() {
    let results = call_concurrently(2, |number: u32| block_on(double(number)), 21);
    assert!(results.into_iter().all(|it| it.unwrap() == 42));
}

/// It serialises, but not to what it is made of.
#[derive(Clone, Debug)]
struct OneWay;

impl serde::Serialize for OneWay {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("one way")
    }
}

impl<'de> serde::Deserialize<'de> for OneWay {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer).map(|_| Self)
    }
}

#[test]
fn what_does_not_survive_the_border_is_told_apart_from_a_failure() {
    let there = call_concurrently(1, |_: OneWay| 1_u32, OneWay).pop().unwrap();
    let back = call_concurrently(1, |(): ()| OneWay, ()).pop().unwrap();
    assert!(matches!(&there, Err(CallError::Codec(why)) if why.contains("arguments")), "{there:?}");
    assert!(matches!(&back, Err(CallError::Codec(why)) if why.contains("result")), "{back:?}");
}

/// A file that goes away with its owner, who is in one process only.
#[derive(serde::Serialize, serde::Deserialize)]
struct Lent {
    path: String,
    #[serde(skip)]
    is_owner: bool,
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.is_owner {
            fs::remove_file(&self.path).unwrap();
        }
    }
}

fn finds(lent: Lent) -> bool {
    Path::new(&lent.path).exists()
}

#[test]
fn what_the_arguments_stand_for_is_there_until_the_calls_are_over() {
    let folder = Folder::new("lent");
    let path = folder.path("file");
    fs::write(&path, "").unwrap();
    let results = call_concurrently(2, finds, Lent { path: path.clone(), is_owner: true });
    assert!(results.into_iter().all(Result::unwrap));
    assert!(!Path::new(&path).exists());
}

fn now((): ()) -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// Each is there until all of them are.
fn meet((folder, number): (String, usize)) {
    fs::write(Path::new(&folder).join(number.to_string()), "").unwrap();
    while fs::read_dir(&folder).unwrap().count() < 4 {
        std::thread::yield_now();
    }
}

#[test]
fn calls_run_at_the_same_time() {
    let folder = Folder::new("same-time");
    let at = folder.path("");
    let calls = calls![meet((at.clone(), 1)), meet((at.clone(), 2)), meet((at.clone(), 3)), meet((at.clone(), 4))];
    make_concurrent_calls(calls).run().into_iter().for_each(|it| it.unwrap());
}

#[test]
fn there_may_be_no_call_at_all() {
    assert!(call_concurrently(0, now, ()).is_empty());
}

#[test]
#[should_panic(expected = "only on the thread of a #[ptest::test]")]
fn elsewhere_it_says_why_not() {
    // Another thread runs no test.
    let result = std::thread::spawn(|| drop(call_concurrently(1, now, ()))).join();
    std::panic::resume_unwind(result.unwrap_err());
}

fn call_again((): ()) {
    drop(call_concurrently(1, now, ()));
}

#[test]
fn a_call_makes_no_calls() {
    let result = call_concurrently(1, call_again, ()).pop().unwrap();
    let Err(CallError::Panicked { message, .. }) = &result else { panic!("{result:?}") };
    assert!(message.contains("a concurrent call cannot make further ones"), "{message}");
}

/// Holds a lock for as long as it lives, says so, and has a child that does the same.
fn hold(path: String) {
    let file = File::options().append(true).create(true).open(&path).unwrap();
    file.lock_shared().unwrap();
    // The child inherits the lock with the descriptor.
    let lock = file.try_clone().unwrap();
    let mut child = Command::new("sleep").arg("1000").stdout(Stdio::from(lock)).stderr(Stdio::null()).spawn().unwrap();
    (&file).write_all(b"x").unwrap();
    child.wait().unwrap();
}

#[test]
fn nothing_is_left_of_a_call_that_takes_too_long() {
    let folder = Folder::new("left");
    let path = folder.path("lock");
    let calls = make_concurrent_calls(calls![hold(path.clone())].repeat(2));
    let results = calls.timeout(Duration::from_secs(2)).run();
    assert!(results.iter().all(|it| matches!(it, Err(CallError::TimedOut { .. }))), "{results:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "xx", "both had begun");
    // It waits for the last one who holds the lock.
    File::open(&path).unwrap().lock().unwrap();
}

#[test]
#[ignore = "for a test that kills it"]
fn is_killed() {
    let Ok(path) = std::env::var("PTEST_CALLS_LOCK") else { return };
    drop(make_concurrent_calls(calls![hold(path)].repeat(2)).timeout(Duration::from_secs(1000)).run());
}

#[test]
fn nothing_is_left_of_the_calls_of_a_test_that_is_killed() {
    let folder = Folder::new("killed");
    let path = folder.path("lock");
    fs::write(&path, "").unwrap();
    let mut test = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "is_killed", "--ignored", "--nocapture"])
        .env("PTEST_CALLS_LOCK", &path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while fs::read_to_string(&path).unwrap() != "xx" {
        std::thread::yield_now();
    }
    test.kill().unwrap();
    test.wait().unwrap();
    // It waits for the last one who holds the lock.
    File::open(&path).unwrap().lock().unwrap();
}

fn print(what: String) {
    println!("says {what}");
    eprintln!("complains {what}");
}

#[test]
#[ignore = "for a test that looks at its output"]
fn prints() {
    call_concurrently(2, print, "something".to_owned()).into_iter().for_each(|it| it.unwrap());
    assert!(std::env::var_os("PTEST_CALLS_SHOW").is_none(), "so that its output is shown");
}

#[test]
fn what_calls_print_is_the_tests_output() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "prints", "--ignored"])
        .env("RUST_BACKTRACE", "0")
        .env("PTEST_CALLS_SHOW", "")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.matches("says something\n").count(), 2, "{text}");
    assert_eq!(text.matches("complains something\n").count(), 2, "{text}");
    assert_eq!(text.matches("running 1 test").count(), 1, "{text}");
}

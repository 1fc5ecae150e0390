//! The host's side: set up, hand over the value, wait, tear down.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use super::keeper::Keeper;
use super::read;
use crate::runtime::context::{self, Context, Tree};
use crate::runtime::os;
use crate::runtime::process::Process;
use crate::runtime::value::{Content, Live, Made, Scope};
use crate::wire::record::{Failure, Record};

/// Holds the context of `module` until nobody needs it any more. The value goes into the file `value`.
pub(in crate::runtime) fn serve(tree: &Tree, module: &str, value: &str) -> ! {
    let code = if let Some(context) = tree.find(module) {
        match Keeper::of_this_process() {
            // This process is to see to another one that does it.
            Some(keeper) => {
                keeper.keep(context, value);
                0
            }
            None => hold(tree, context, value),
        }
    } else {
        let message = tree.problem(module).unwrap_or("this binary has no such context").to_owned();
        let failure = Failure { message, duration: Duration::ZERO, timed_out: false };
        Process::get().say(&Record::SetupFailed { context: module.to_owned(), failure });
        1
    };
    // The test that this process was started with has no end.
    std::process::exit(code)
}

fn hold(tree: &Tree, context: &Context, value: &str) -> i32 {
    let process = Process::get();
    let module = || context.module.to_owned();
    process.say(&Record::SetupStarted { context: module(), limit: context.setup_limit });
    // From here on, those around wait for this one's end, whatever becomes of whoever started it.
    let inside = hold_back_those_around(tree, context);
    let (scope, kept, duration) = match make(tree, context, value) {
        // The bytes are needed no longer.
        Ok((scope, Made { kept, .. }, duration)) => (scope, kept, duration),
        Err(failure) => {
            process.say(&Record::SetupFailed { context: module(), failure });
            return 1;
        }
    };
    process.say(&Record::SetupFinished { context: module(), duration });
    wait_for_the_end_of_stdin();
    wait_for_those_inside(value);
    process.say(&Record::TeardownStarted { context: module(), limit: context.teardown_limit, passed: true });
    let ended = context::end(context, kept, scope);
    drop(inside);
    let _ = std::fs::remove_file(value);
    match ended {
        Ok(duration) => {
            process.say(&Record::TeardownFinished { context: module(), duration });
            0
        }
        Err(failure) => {
            process.say(&Record::TeardownFailed { context: module(), failure });
            1
        }
    }
}

/// Sets the context up and puts its value where it is looked for; gives the values of those around it, and what was
/// made.
fn make(tree: &Tree, context: &Context, value: &str) -> Result<(Scope, Made, Duration), Failure> {
    let scope = around(tree, context)?;
    let (made, duration) = context::make(context, scope.clone())?;
    let failed = |message: String| Err(Failure { message, duration, timed_out: false });
    let Content::Bytes(bytes) = &made.value else { return failed("it is not shared".to_owned()) };
    // What cannot be read again fails here, once, and not in each test.
    if let Err(message) = context::decode(context, bytes) {
        return failed(message);
    }
    if let Err(error) = write(value, bytes) {
        return failed(format!("cannot write its value to {value}: {error}"));
    }
    Ok((scope, made, duration))
}

/// Whoever started this process has closed it, or is gone: nobody needs the context any more.
fn wait_for_the_end_of_stdin() {
    // An error is an end, too.
    let _ = io::stdin().read_to_end(&mut Vec::new());
    os::discard_broken_output();
}

/// Keeps the hosts of the contexts around from tearing down before this one has, by a lock on each one's value: when the
/// runner is killed, all of them learn of it at once.
fn hold_back_those_around(tree: &Tree, inner: &Context) -> Vec<File> {
    let mut held = Vec::new();
    for context in tree.around(inner.module) {
        if let Some(value) = super::given(context.module)
            && let Ok(file) = File::open(value)
            && file.lock_shared().is_ok()
        {
            held.push(file);
        }
    }
    held
}

/// Returns when no host inside of the context with this value is left.
pub(super) fn wait_for_those_inside(value: &str) {
    // Where the file is gone or cannot be locked, there is nobody to wait for.
    let _ = OpenOptions::new().read(true).write(true).open(value).and_then(|file| file.lock());
}

/// The values of the shared contexts around this one.
fn around(tree: &Tree, inner: &Context) -> Result<Scope, Failure> {
    let mut scope = Scope::new();
    for context in tree.around(inner.module) {
        let path = super::given(context.module).unwrap_or_default();
        let value = context::decode(context, &read(&path)?).map_err(super::failure)?;
        scope.push((context.module, Arc::new(Live::new(value, None))));
    }
    Ok(scope)
}

/// The file is there whole or not at all, and only this user can read it. In a folder for temporary files another user may have
/// put a file or a link at its place: that is not written to.
fn write(path: &str, bytes: &[u8]) -> io::Result<()> {
    let unfinished = format!("{path}.new");
    let mut options = OpenOptions::new();
    os::for_me_alone(options.write(true).create_new(true));
    let mut file = options.open(&unfinished)?;
    let written = file.write_all(bytes).and_then(|()| std::fs::rename(&unfinished, path));
    if written.is_err() {
        // If it cannot be removed, the first error is the one that counts.
        let _ = std::fs::remove_file(&unfinished);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::write;

    #[test]
    fn a_value_that_cannot_be_written_leaves_nothing_behind() {
        let folder = std::env::temp_dir().join(format!("ptest-write-{}", std::process::id()));
        // A folder with something in it can't be replaced by a file.
        std::fs::create_dir_all(folder.join("value/inside")).unwrap();
        let path = folder.join("value").to_str().unwrap().to_owned();
        assert!(write(&path, b"bytes").is_err());
        assert!(!folder.join("value.new").exists());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    #[cfg(unix)]
    fn a_link_at_the_place_of_a_value_is_not_followed() {
        let folder = std::env::temp_dir().join(format!("ptest-link-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let precious = folder.join("precious");
        std::fs::write(&precious, "mine").unwrap();
        std::os::unix::fs::symlink(&precious, folder.join("value.new")).unwrap();
        let path = folder.join("value").to_str().unwrap().to_owned();
        assert!(write(&path, b"bytes").is_err());
        assert_eq!(std::fs::read_to_string(&precious).unwrap(), "mine");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

//! What has no portable form in the standard library. Where a system lacks something, its function says what is done
//! instead.

#[cfg(not(unix))]
mod other;
#[cfg(unix)]
mod unix;

use std::io::Write;

#[cfg(not(unix))]
pub(super) use other::*;
#[cfg(unix)]
pub(super) use unix::*;

/// Tells a file from all others: its device and its number there.
pub(super) type Identity = (u64, u64);

/// Changes whenever a file does, whatever its times are set to: its number, and the time of its last change.
pub(super) type Stamp = (u64, i64, i64);

/// Writes to stderr itself, past libtest's capture. What cannot be written has no reader.
pub(super) fn write_stderr(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Has `function` called when the process ends normally, however its `main` ends it.
pub(super) fn at_exit(function: extern "C" fn()) {
    unsafe extern "C" {
        fn atexit(function: extern "C" fn()) -> std::ffi::c_int;
    }
    // SAFETY: the function lives as long as the program, and takes and gives nothing.
    let _ = unsafe { atexit(function) };
}

/// Ends the process without calling what was registered for its end.
pub(super) fn exit_now(code: i32) -> ! {
    unsafe extern "C" {
        fn _exit(code: std::ffi::c_int) -> !;
    }
    // SAFETY: it ends the process; other threads hold nothing that anybody needs any more.
    unsafe { _exit(code) }
}

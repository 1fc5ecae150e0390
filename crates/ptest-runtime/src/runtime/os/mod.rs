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

/// Writes to stdout in one call, after what was printed before. What cannot be written has no reader.
pub(super) fn write_stdout(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _ = out.flush();
    // What ends in a newline is not kept back, and what finds the buffer empty and is short goes out in one piece.
    let _ = out.write_all(bytes);
    let _ = out.flush();
}

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

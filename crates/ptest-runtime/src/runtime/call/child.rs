//! The called side: says that it is ready, waits for the word, calls the function, says what came of it.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use super::function::Apply;
use super::line::Line;
use crate::runtime::process::Process;
use crate::runtime::watched::spawn;
use crate::runtime::{limit, os};
use crate::wire::record::Record;

/// What a child says when it has its arguments.
pub(super) const READY: u8 = b'R';
/// What it waits for.
pub(super) const GO: u8 = b'G';

/// What came of the call, in front of its bytes: a value, why it is no bytes, or a panic. That is told by where it was, its
/// backtrace and its message, with zero bytes in between; only the message may have more of those.
const VALUE: u8 = b'V';
const CODEC: u8 = b'C';
const PANIC: u8 = b'P';

/// What came of the call.
pub(super) enum Said {
    Value(Vec<u8>),
    Codec(String),
    Panic { message: String, location: Option<String>, backtrace: Option<String> },
}

/// Where the last panic was, and its backtrace: its hook knows, and nobody else.
static PANICKED: Mutex<String> = Mutex::new(String::new());

/// Makes the call that this process is for.
#[inline]
pub(super) fn serve(function: Apply) -> ! {
    let code = match answer(function) {
        Ok(()) => 0,
        // There is nobody to say anything to.
        Err(_) => 1,
    };
    // The test that this process was started with has no end.
    std::process::exit(code)
}

#[inline]
fn answer(function: Apply) -> io::Result<()> {
    // The line is not for the function, nor for what it starts.
    let mut line = Line { stream: os::take_line()?, deadline: None };
    let arguments = line.read_bytes()?;
    line.write_byte(READY)?;
    line.read_byte()?;
    end_with_caller(line.stream.try_clone()?);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let backtrace = Backtrace::capture();
        let location = info.location().map_or_else(String::new, |it| format!("{it}"));
        if let Ok(mut panicked) = PANICKED.lock() {
            *panicked = match backtrace.status() {
                BacktraceStatus::Captured => format!("{location}\0{backtrace}\0"),
                _ => format!("{location}\0\0"),
            };
        }
        before(info);
    }));
    Process::get().say(&Record::CallBegan);
    let result = catch_unwind(AssertUnwindSafe(|| function(&arguments)));
    let (kind, bytes) = match result {
        Ok(Ok(bytes)) => (VALUE, bytes),
        Ok(Err(why)) => (CODEC, why.into_bytes()),
        Err(payload) => {
            // One that is resumed comes by no hook.
            let mut said = PANICKED.lock().map_or_else(|_| String::new(), |said| said.clone());
            if said.is_empty() {
                said.push_str("\0\0");
            }
            (PANIC, (said + &limit::message(&*payload)).into_bytes())
        }
    };
    line.write_byte(kind)?;
    line.write_bytes(&bytes)
}

/// Whoever waits for the result may be killed. Then nothing of this is to go on.
#[inline]
fn end_with_caller(mut line: UnixStream) {
    let end = move || {
        // Nothing more is said on that side, so whatever this gives is the end.
        let _ = line.read(&mut [0]);
        os::kill_group(std::process::id());
        os::exit_now(1);
    };
    // Without the thread the call is ended by its limit.
    let _ = spawn("ptest caller".to_owned(), Box::new(end));
}

impl Said {
    #[inline]
    pub(super) fn read(line: &mut Line) -> io::Result<Self> {
        let kind = line.read_byte()?;
        let bytes = line.read_bytes()?;
        match kind {
            VALUE => Ok(Self::Value(bytes)),
            CODEC => Ok(Self::Codec(String::from_utf8_lossy(&bytes).into_owned())),
            PANIC => {
                let text = String::from_utf8_lossy(&bytes);
                let (location, rest) = text.split_once('\0').unwrap_or((&text, ""));
                let (backtrace, message) = rest.split_once('\0').unwrap_or((rest, ""));
                let said = |text: &str| if text.is_empty() { None } else { Some(text.to_owned()) };
                let (location, backtrace) = (said(location), said(backtrace));
                Ok(Self::Panic { message: message.to_owned(), location, backtrace })
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

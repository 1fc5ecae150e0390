//! The called side: says that it is ready, waits for the word, calls the function, says what came of it.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use super::function::Distance;
use super::line::Line;
use crate::runtime::process::Process;
use crate::runtime::watched::spawn;
use crate::runtime::{limit, os};
use crate::wire::record::Record;

/// What a child says when it has its arguments.
pub(super) const READY: u8 = b'R';
/// What it waits for.
pub(super) const GO: u8 = b'G';

/// What came of the call.
pub(super) enum Said {
    Result(Vec<u8>),
    Codec(String),
    Panic { message: String, location: Option<String>, backtrace: Option<String> },
}

/// Where the last panic was: its hook knows, and nobody else.
static PANIC: Mutex<Option<(Option<String>, Option<String>)>> = Mutex::new(None);

/// Makes the call that this process is for.
pub(in crate::runtime) fn serve(function: &str) -> ! {
    let code = match answer(function) {
        Ok(()) => 0,
        // There is nobody to say anything to.
        Err(_) => 1,
    };
    // The test that this process was started with has no end.
    std::process::exit(code)
}

fn answer(function: &str) -> io::Result<()> {
    let Ok(function) = function.parse::<Distance>() else { return Err(io::ErrorKind::InvalidInput.into()) };
    // The line is not for the function, nor for what it starts.
    let mut line = Line { stream: os::take_line()?, deadline: None };
    let arguments = line.read_bytes()?;
    line.write_byte(READY)?;
    line.read_byte()?;
    end_with_caller(line.stream.try_clone()?);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let backtrace = std::backtrace::Backtrace::capture();
        let backtrace = match backtrace.status() {
            std::backtrace::BacktraceStatus::Captured => Some(backtrace.to_string()),
            _ => None,
        };
        if let Ok(mut panic) = PANIC.lock() {
            *panic = Some((info.location().map(ToString::to_string), backtrace));
        }
        before(info);
    }));
    Process::get().say(&Record::CallBegan);
    // SAFETY: whoever started this process measured the distance in this very program.
    let result = catch_unwind(AssertUnwindSafe(|| unsafe { function.call(&arguments) }));
    let said = match result {
        Ok(Ok(bytes)) => Said::Result(bytes),
        Ok(Err(why)) => Said::Codec(why),
        Err(payload) => {
            let (location, backtrace) = PANIC.lock().ok().and_then(|mut it| it.take()).unwrap_or_default();
            Said::Panic { message: limit::message(&*payload), location, backtrace }
        }
    };
    said.write(&mut line)
}

/// Whoever waits for the result may be killed. Then nothing of this is to go on.
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
    fn write(self, line: &mut Line) -> io::Result<()> {
        let (kind, bytes) = match self {
            Self::Result(bytes) => (b'V', bytes),
            Self::Codec(why) => (b'C', why.into_bytes()),
            Self::Panic { message, location, backtrace } => {
                // Neither a place nor a backtrace has a zero byte in it; a message may.
                let (location, backtrace) = (location.unwrap_or_default(), backtrace.unwrap_or_default());
                (b'P', format!("{location}\0{backtrace}\0{message}").into_bytes())
            }
        };
        line.write_byte(kind)?;
        line.write_bytes(&bytes)
    }

    pub(super) fn read(line: &mut Line) -> io::Result<Self> {
        let kind = line.read_byte()?;
        let bytes = line.read_bytes()?;
        match kind {
            b'V' => Ok(Self::Result(bytes)),
            b'C' => Ok(Self::Codec(String::from_utf8_lossy(&bytes).into_owned())),
            b'P' => {
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

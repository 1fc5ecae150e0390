//! The called side: says that it is ready, waits for the word, calls the function, says what came of it.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use super::function::Distance;
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
    let function: Distance = function.parse().map_err(|_| io::ErrorKind::InvalidInput)?;
    // The line is not for the function, nor for what it starts.
    let mut line = os::take_line()?;
    let arguments = read_bytes(&mut line)?;
    line.write_all(&[READY])?;
    let mut word = [0];
    line.read_exact(&mut word)?;
    end_with_caller(line.try_clone()?);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let backtrace = std::backtrace::Backtrace::capture();
        let backtrace =
            (backtrace.status() == std::backtrace::BacktraceStatus::Captured).then(|| backtrace.to_string());
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

fn read_bytes(line: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 8];
    line.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    let mut bytes = Vec::new();
    line.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

impl Said {
    fn write(&self, line: &mut impl Write) -> io::Result<()> {
        let (kind, bytes) = match self {
            Self::Result(bytes) => (b'V', bytes.clone()),
            Self::Codec(why) => (b'C', why.clone().into_bytes()),
            Self::Panic { message, location, backtrace } => {
                // Neither a place nor a backtrace has a zero byte in it; a message may.
                let [location, backtrace] = [location, backtrace].map(|it| it.as_deref().unwrap_or_default());
                (b'P', [location, backtrace, message].join("\0").into_bytes())
            }
        };
        line.write_all(&[kind])?;
        line.write_all(&(bytes.len() as u64).to_le_bytes())?;
        line.write_all(&bytes)
    }

    pub(super) fn read(line: &mut impl Read) -> io::Result<Self> {
        let mut kind = [0];
        line.read_exact(&mut kind)?;
        let bytes = read_bytes(line)?;
        match kind {
            [b'V'] => Ok(Self::Result(bytes)),
            [b'C'] => Ok(Self::Codec(String::from_utf8_lossy(&bytes).into_owned())),
            [b'P'] => {
                let text = String::from_utf8_lossy(&bytes);
                let mut parts = text.splitn(3, '\0').map(str::to_owned);
                let mut part = || parts.next().filter(|part| !part.is_empty());
                let (location, backtrace) = (part(), part());
                Ok(Self::Panic { message: part().unwrap_or_default(), location, backtrace })
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

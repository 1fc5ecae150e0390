//! Asks binaries while cargo still builds others, for the memory of lists: [`tests`](super::tests) then finds there what
//! it would have to ask for. One at a time, since the build has the slots.
//!
//! What goes wrong here is not told: the build may fail, and then nobody wants to hear of it. If it does not, that binary
//! is asked once more, on a machine that is less busy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use super::{Asking, Options, written_down};
use crate::build::TestBinary;

/// A thread that asks one binary after another.
pub struct Ahead {
    binaries: Sender<TestBinary>,
    asking: Asking,
    /// The build is done, and the others can be asked all at once.
    enough: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Ahead {
    /// `None` where there can be no thread: then all are asked in the end.
    pub fn start(options: Options) -> Option<Self> {
        let (binaries, receiver) = mpsc::channel::<TestBinary>();
        let (asking, enough) = (options.asking.clone(), Arc::new(AtomicBool::new(false)));
        let is_enough = enough.clone();
        let ask = move || {
            for binary in receiver.iter().take_while(|_| !is_enough.load(Ordering::Relaxed)) {
                // What is known now is in the memory, and what is not will be asked again.
                let _ = written_down(&binary, &options);
            }
        };
        let thread = std::thread::Builder::new().name("ahead".to_owned()).spawn(ask).ok()?;
        Some(Self { binaries, asking, enough, thread })
    }

    /// Whether it is worth anything to ask this one: other harnesses have no list that could be remembered, and what was
    /// there before the build is remembered already.
    pub fn is_of_use(binary: &TestBinary) -> bool {
        binary.libtest && binary.rustdoc.is_none() && !binary.fresh
    }

    pub fn ask(&self, binary: TestBinary) {
        // It is there for as long as this is.
        let _ = self.binaries.send(binary);
    }

    /// The build is done. Who is being asked may answer; or is ended, where there is nothing to answer for.
    pub fn finish(self, wanted: bool) {
        self.enough.store(true, Ordering::Relaxed);
        if !wanted {
            self.asking.give_up();
        }
        drop(self.binaries);
        // A panic was told; without its answers the others are asked.
        let _ = self.thread.join();
    }
}

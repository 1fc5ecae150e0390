//! Finds what has escaped from its process group, by the run's mark in its environment. Linux only: elsewhere the
//! environment of another process cannot be read.

/// A process that carries the mark of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leftover {
    pub pid: i32,
    /// Its command's name, for people.
    pub name: String,
    /// The worker in whose slot it was started.
    pub worker: usize,
}

/// The variable that marks everything that a run starts.
pub(crate) const RUN_ID: &str = "PTEST_RUN_ID";

/// The variable that says in which worker's slot a process was started.
pub(crate) const WORKER: &str = "PTEST_WORKER";

/// Kills what is left of a run, or of one worker of it, and says what that was. What is killed may have just started
/// something, so this looks again until it finds nothing.
pub(crate) fn kill(run: &str, worker: Option<usize>) -> Vec<Leftover> {
    let mut killed: Vec<Leftover> = Vec::new();
    for _ in 0..100 {
        let found: Vec<Leftover> = find(run, worker).into_iter().filter(|it| !killed.contains(it)).collect();
        if found.is_empty() {
            break;
        }
        found.iter().for_each(|it| kill_one(it.pid));
        killed.extend(found);
    }
    killed
}

#[cfg(target_os = "linux")]
fn find(run: &str, worker: Option<usize>) -> Vec<Leftover> {
    let own = std::process::id();
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let numbers = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let leftover = |pid: u32| {
        // What cannot be read belongs to another user, or is gone: a zombie's environment is empty.
        let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
        if pid == own || !is_marked(&environment, run, worker) {
            return None;
        }
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        let worker = value(&environment, WORKER).and_then(|it| std::str::from_utf8(it).ok()?.parse().ok());
        let worker = worker.unwrap_or_default();
        Some(Leftover { pid: i32::try_from(pid).ok()?, name: name.trim_end().to_owned(), worker })
    };
    numbers.filter_map(leftover).collect()
}

#[cfg(not(target_os = "linux"))]
fn find(_run: &str, _worker: Option<usize>) -> Vec<Leftover> {
    Vec::new()
}

/// A run inside of this one has this one's mark with something added.
#[cfg(target_os = "linux")]
fn is_marked(environment: &[u8], run: &str, worker: Option<usize>) -> bool {
    let of_run = value(environment, RUN_ID).and_then(|it| it.strip_prefix(run.as_bytes()));
    match of_run {
        Some(b"") => worker.is_none_or(|worker| value(environment, WORKER) == Some(worker.to_string().as_bytes())),
        // In which of our workers a nested run was started is not known from its own workers.
        Some([b'/', ..]) => worker.is_none(),
        _ => false,
    }
}

#[cfg(target_os = "linux")]
fn value<'a>(environment: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut variables = environment.split(|byte| *byte == 0);
    variables.find_map(|it| it.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

fn kill_one(pid: i32) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid) {
        // It may have gone in the meantime, which is as good.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_the_whole_value_or_the_beginning_of_a_nested_runs() {
        let environment = b"A=1\0PTEST_RUN_ID=run-1\0PTEST_WORKER=2\0";
        assert!(is_marked(environment, "run-1", None));
        assert!(is_marked(environment, "run-1", Some(2)));
        assert!(!is_marked(environment, "run-1", Some(3)));
        assert!(!is_marked(environment, "run-", None));
        assert!(!is_marked(environment, "run-12", None));
        assert!(is_marked(b"PTEST_RUN_ID=run-1/run-7\0", "run-1", None));
        assert!(!is_marked(b"XPTEST_RUN_ID=run-1\0", "run-1", None));
    }
}

//! The live region: the lines below the report that say what goes on, drawn anew ten times a second at the most.
//!
//! A frame is one write, and whatever the report says meanwhile goes into it, above the region. The cursor rests at the
//! region's beginning ([`tty`] says why), so a frame writes over the last one; nothing is cleared first unless lines go
//! above it, and the terminal is asked to show a frame only when it is whole, where it understands that.

mod frame;
mod state;

use std::time::{Duration, Instant};

use super::styles::Styles;
use crate::event::Event;
use crate::tty;

use state::State;

/// The shortest time between two frames.
pub const FRAME: Duration = Duration::from_millis(100);

/// How what goes on is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    #[default]
    None,
    /// Where nothing moves: a line each so often.
    Heartbeat(Duration),
    /// The live region.
    Region,
}

/// What goes on, and how much of it is on the screen.
pub(super) struct Live {
    progress: Progress,
    /// The run listens to keys.
    keys: bool,
    state: State,
    began: Instant,
    /// How long the run was stopped.
    paused: Duration,
    suspended: Option<Instant>,
    /// A test has the terminal.
    lent: bool,
    drawn: bool,
    /// When the last frame was.
    last: Option<Duration>,
    heartbeat: Duration,
}

impl Live {
    pub(super) fn new(progress: Progress, keys: bool) -> Self {
        Self {
            progress,
            keys,
            state: State::default(),
            began: Instant::now(),
            paused: Duration::ZERO,
            suspended: None,
            lent: false,
            drawn: false,
            last: None,
            heartbeat: Duration::ZERO,
        }
    }

    pub(super) fn event(&mut self, event: &Event) {
        let now = self.now();
        self.state.event(event, now);
    }

    /// How long the run has gone on.
    pub(super) fn now(&self) -> Duration {
        self.began.elapsed().saturating_sub(self.paused)
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    pub(super) fn pulse(&self) -> Duration {
        let second = Duration::from_secs(1);
        match self.progress {
            _ if self.lent => second,
            Progress::Region => FRAME,
            Progress::Heartbeat(every) => every.min(second),
            Progress::None => second,
        }
    }

    /// What to write now that `lines` are to be told. `None`: the frame's time has not come, they have to wait.
    pub(super) fn frame(&mut self, lines: &[u8], styles: &Styles) -> Option<Vec<u8>> {
        if self.progress != Progress::Region || self.suspended.is_some() || self.lent || self.state.building {
            return Some(lines.to_vec());
        }
        if !tty::is_ours(std::io::stderr()) {
            // Beside somebody else's prompt plain lines are all that is right.
            self.is_drawn(false);
            return Some(lines.to_vec());
        }
        self.frame_in(tty::size().unwrap_or((80, 24)), self.now(), lines, styles)
    }

    /// The same, in a window of this size and at this time.
    fn frame_in(
        &mut self,
        (width, height): (usize, usize),
        now: Duration,
        lines: &[u8],
        styles: &Styles,
    ) -> Option<Vec<u8>> {
        if self.last.is_some_and(|last| now.saturating_sub(last) < FRAME) && lines.len() < MOST_WAITING {
            return None;
        }
        self.last = Some(now);
        let window = frame::Window { width, height, keys: self.keys };
        let region = frame::draw(&self.state, window, now, styles);
        let bytes = compose(lines, &region, self.drawn);
        self.is_drawn(!region.is_empty());
        Some(bytes)
    }

    /// What to write so that `lines` are the last thing on the screen.
    pub(super) fn without_region(&mut self, lines: &[u8]) -> Vec<u8> {
        let bytes = compose(lines, &[], self.drawn);
        self.is_drawn(false);
        bytes
    }

    fn is_drawn(&mut self, drawn: bool) {
        self.drawn = drawn;
        tty::region_is_drawn(drawn);
    }

    /// The lines to tell where nothing moves, when it is time to.
    pub(super) fn heartbeat(&mut self, styles: &Styles) -> Vec<String> {
        let now = self.now();
        let Progress::Heartbeat(every) = self.progress else { return Vec::new() };
        if now < self.heartbeat + every || self.lent {
            return Vec::new();
        }
        self.heartbeat = now;
        frame::heartbeat(&self.state, now, styles)
    }

    pub(super) fn lend_terminal(&mut self, lent: bool) {
        self.lent = lent;
        self.last = None;
    }

    pub(super) fn is_lent(&self) -> bool {
        self.lent
    }

    pub(super) fn suspend(&mut self) {
        self.suspended.get_or_insert_with(Instant::now);
    }

    pub(super) fn resume(&mut self) {
        self.paused += self.suspended.take().map_or(Duration::ZERO, |since| since.elapsed());
        self.last = None;
    }
}

/// What may wait for a frame; more is written at once.
const MOST_WAITING: usize = 1 << 20;

/// Shown at once when it is whole (synchronised output, DEC mode 2026). Terminals that do not know it ignore it.
const BEGIN: &str = "\u{1b}[?2026h";
const END: &str = "\u{1b}[?2026l";

/// Lines that are too long after all, by a character whose width the terminal sees otherwise, are cut by the terminal.
const NO_WRAP: &str = "\u{1b}[?7l";
const WRAP: &str = "\u{1b}[?7h";

/// One frame: the report's new lines, and below them the region. If one is on the screen, the cursor is at its beginning.
fn compose(lines: &[u8], region: &[String], drawn: bool) -> Vec<u8> {
    if region.is_empty() && !drawn {
        return lines.to_vec();
    }
    let mut bytes = BEGIN.as_bytes().to_vec();
    if drawn && (region.is_empty() || !lines.is_empty()) {
        bytes.extend(tty::CLEAR_REGION.bytes());
    }
    bytes.extend(lines);
    if let Some((last, others)) = region.split_last() {
        bytes.extend(NO_WRAP.bytes());
        for line in others {
            bytes.extend(format!("{line}\u{1b}[K\r\n").bytes());
        }
        let up = if others.is_empty() { String::new() } else { format!("\u{1b}[{}A", others.len()) };
        bytes.extend(format!("{last}\u{1b}[J\r{up}{WRAP}").bytes());
    }
    bytes.extend(END.bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(size: u16) -> std::num::NonZeroU16 {
        size.try_into().unwrap()
    }

    /// A terminal that sees the frames one after another.
    fn screen(frames: &[(&str, &[&str])], width: u16) -> vt100::Parser {
        let mut terminal = vt100::Parser::new(size(6), size(width), 0);
        let mut drawn = false;
        for (lines, region) in frames {
            let region: Vec<String> = region.iter().map(ToString::to_string).collect();
            // Whoever writes lines to a terminal has them end in both.
            terminal.process(&compose(lines.replace('\n', "\r\n").as_bytes(), &region, drawn));
            drawn = !region.is_empty();
        }
        terminal
    }

    fn shown(frames: &[(&str, &[&str])]) -> String {
        screen(frames, 20).screen().contents()
    }

    #[test]
    fn lines_go_above_the_region_and_it_is_drawn_over() {
        assert_eq!(shown(&[("", &["bar 1", "running", "more"])]), "bar 1\nrunning\nmore");
        assert_eq!(shown(&[("", &["bar 1", "running"]), ("", &["bar"])]), "bar");
        assert_eq!(shown(&[("", &["bar 1", "test"]), ("one\ntwo\n", &["bar 2", "t"])]), "one\ntwo\nbar 2\nt");
    }

    #[test]
    fn nothing_of_it_is_left_at_the_end() {
        assert_eq!(shown(&[("one\n", &["bar 1", "test"]), ("two\n", &[])]), "one\ntwo");
        assert_eq!(shown(&[("", &["bar 1", "test"]), ("", &[])]), "");
    }

    #[test]
    fn the_cursor_rests_at_its_beginning_also_at_the_bottom_of_the_screen() {
        let lines = "1\n2\n3\n4\n5\n6\n";
        let terminal = screen(&[(lines, &["bar", "a", "b"]), ("7\n", &["bar", "a", "b"])], 20);
        assert_eq!(terminal.screen().contents(), "5\n6\n7\nbar\na\nb");
        assert_eq!(terminal.screen().cursor_position(), (3, 0));
    }

    #[test]
    fn long_lines_of_the_report_may_wrap_over_the_old_region() {
        let frames: [(&str, &[&str]); 2] = [("", &["bar xxxxx", "test xxxx"]), ("0123456789abc\n", &["bar", "test"])];
        assert_eq!(screen(&frames, 10).screen().contents(), "0123456789abc\nbar\ntest");
    }

    /// Two thousand tests that end within a second, each of them told as it ends.
    #[test]
    fn a_flood_of_results_is_written_ten_times_a_second_and_whole() {
        use crate::report::junit::sample::{finished, run_started};

        let styles = Styles::new(false);
        let mut live = Live::new(Progress::Region, false);
        live.state.event(&run_started(2000), Duration::ZERO);
        let (mut page, mut written) = (String::new(), Vec::new());
        for number in 0..2000 {
            let now = Duration::from_micros(500 * number);
            live.state.event(&Event::TestFinished(finished("t")), now);
            page.extend(["PASS t", &number.to_string(), "\n"]);
            if let Some(frame) = live.frame_in((80, 24), now, page.as_bytes(), &styles) {
                page.clear();
                written.push(String::from_utf8(frame).unwrap());
            }
        }
        written.push(String::from_utf8(live.without_region(page.as_bytes())).unwrap());
        assert_eq!(written.len(), 11, "one at once, then one each tenth of a second, and the end");
        for frame in &written {
            assert!(frame.starts_with(BEGIN) && frame.ends_with(END), "{frame:?}");
            assert_eq!(frame.matches(BEGIN).count(), 1, "{frame:?}");
        }
        let all = written.concat();
        let told: Vec<&str> = all.lines().filter_map(|line| Some(&line[line.find("PASS t")?..])).collect();
        assert_eq!(told, (0..2000).map(|number| format!("PASS t{number}")).collect::<Vec<_>>());
        // What is more than a terminal should be made to wait for goes at once.
        let last = live.last;
        assert!(live.frame_in((80, 24), last.unwrap(), &vec![b'\n'; MOST_WAITING], &styles).is_some());
    }

    #[test]
    fn what_is_written_is_shown_whole() {
        let frame = String::from_utf8(compose(b"line\n", &["bar".to_owned()], true)).unwrap();
        assert!(frame.starts_with(BEGIN) && frame.ends_with(END), "{frame:?}");
        assert_eq!(compose(b"line\n", &[], false), b"line\n");
    }
}

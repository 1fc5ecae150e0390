//! Notices a process that writes in many small pieces, as a loop does that prints. Whoever waits for each piece is woken by
//! each, and the writer pays for it, too. What has gathered for a moment costs both of them little. Pure.

use std::time::{Duration, Instant};

/// How long pieces are left to gather.
pub(super) const MOMENT: Duration = Duration::from_millis(1);

/// Who has written so many pieces in a row goes on, one may think. Before that each is read when it comes, so that the
/// times of tests that say little are right.
const ROW: u32 = 16;

/// What comes in larger pieces than this would soon fill the pipe, and wait.
const LARGE: usize = 16 * 1024;

pub(super) struct Trickle {
    last: Instant,
    pieces: u32,
}

impl Trickle {
    pub(super) fn new(now: Instant) -> Self {
        Self { last: now, pieces: 0 }
    }

    /// Takes in that so many bytes were read, of which nothing was to be told. Says whether to leave the next ones for a
    /// moment.
    pub(super) fn goes_on(&mut self, bytes: usize, now: Instant) -> bool {
        let soon = now - self.last < 2 * MOMENT;
        self.last = now;
        self.pieces = if (1..LARGE).contains(&bytes) && soon { self.pieces.saturating_add(1) } else { 0 };
        self.pieces >= ROW
    }

    /// A test began or ended, and what it writes is another matter.
    pub(super) fn ends(&mut self) {
        self.pieces = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_small_pieces_that_come_one_after_another_are_left_to_gather() {
        let began = Instant::now();
        let mut now = began;
        let mut trickle = Trickle::new(began);
        let mut read = |trickle: &mut Trickle, bytes, after| {
            now += after;
            trickle.goes_on(bytes, now)
        };
        let micros = Duration::from_micros;
        let said: Vec<bool> = (0..18).map(|_| read(&mut trickle, 40, micros(10))).collect();
        assert_eq!(said.iter().position(|it| *it), Some(15));
        assert!(read(&mut trickle, 4000, MOMENT), "they have gathered for a moment, and there are more");
        assert!(!read(&mut trickle, 40_000, MOMENT), "the pipe fills");
        assert!(!read(&mut trickle, 40, micros(10)));
        assert!((0..20).any(|_| read(&mut trickle, 40, micros(10))));
        assert!(!read(&mut trickle, 40, micros(5000)), "it has paused");
        assert!((0..20).any(|_| read(&mut trickle, 40, micros(10))));
        trickle.ends();
        assert!(!read(&mut trickle, 40, micros(10)));
        assert!(!read(&mut trickle, 0, micros(10)));
    }
}

//! What a process prints while nobody looks: kept, but not all of it.

use crate::wire::record::Record;

/// What a process has said so far.
pub(super) struct Heard {
    /// What it has printed, from when it matters: of a host since the setup, for there is no test that it would belong to.
    pub output: Output,
    /// Of what happened to its fixtures.
    pub records: Vec<Record>,
    /// There is nobody left who could say anything.
    pub over: bool,
}

impl Heard {
    /// Nothing, yet.
    pub(super) fn keeping(output: Output) -> Self {
        Self { output, records: Vec::new(), over: false }
    }
}

/// The beginning and the end of some output.
pub(super) struct Output {
    head: Vec<u8>,
    tail: Vec<u8>,
    /// How many bytes of each are kept.
    most: [usize; 2],
    left_out: usize,
}

impl Output {
    /// Keeps so many bytes of the beginning and of the end.
    pub(super) fn keeping(head: usize, tail: usize) -> Self {
        Self { head: Vec::new(), tail: Vec::new(), most: [head, tail], left_out: 0 }
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        let [head, tail] = self.most;
        let (first, rest) = bytes.split_at(bytes.len().min(head - self.head.len()));
        self.head.extend_from_slice(first);
        self.tail.extend_from_slice(rest);
        // Not with each line, for what follows would have to be moved each time.
        if self.tail.len() > 2 * tail {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let surplus = self.tail.len().saturating_sub(self.most[1]);
        self.tail.drain(..surplus);
        self.left_out += surplus;
    }

    /// The end of it.
    pub(super) fn last(&mut self) -> String {
        self.cut();
        String::from_utf8_lossy(&self.tail).into_owned()
    }

    /// Both, and between them how much is missing.
    pub(super) fn text(&mut self) -> String {
        let tail = self.last();
        let head = String::from_utf8_lossy(&self.head);
        match self.left_out {
            0 => head.into_owned() + &tail,
            left_out => format!("{head}\n[... {left_out} bytes are left out ...]\n{tail}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Output;

    #[test]
    fn little_is_kept_whole() {
        let mut output = Output::keeping(4, 4);
        ["ab", "cde", "", "fgh"].iter().for_each(|text| output.add(text.as_bytes()));
        assert_eq!(output.text(), "abcdefgh");
    }

    #[test]
    fn of_much_the_beginning_and_the_end_are_kept() {
        let mut output = Output::keeping(4, 4);
        output.add(b"beginning");
        (0..1000).for_each(|_| output.add(b"0123456789"));
        assert!(output.tail.capacity() < 100);
        assert_eq!(output.last(), "6789");
        assert_eq!(output.text(), "begi\n[... 10001 bytes are left out ...]\n6789");
    }
}

//! Bytes that come in at one end and are taken out at the other.
//!
//! One read may hold the results of hundreds of small tests, and each of them takes its part from the front. To move the
//! rest up each time would cost the square of the read; so what was taken stays where it is until it is the larger part.

use std::ops::Deref;

#[derive(Default)]
pub(super) struct Text {
    bytes: Vec<u8>,
    /// How many of them are there no more.
    taken: usize,
}

impl Text {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        // No byte is moved for which there is not another one that goes for good.
        if self.taken > self.len() {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes out so many bytes.
    pub(super) fn take(&mut self, length: usize) -> Vec<u8> {
        let taken = self[..length].to_vec();
        self.skip(length);
        taken
    }

    pub(super) fn take_all(&mut self) -> Vec<u8> {
        if self.taken > 0 { self.take(self.len()) } else { std::mem::take(&mut self.bytes) }
    }

    /// Lets so many bytes go.
    pub(super) fn skip(&mut self, length: usize) {
        self.taken += length;
    }
}

impl Deref for Text {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_comes_out_is_what_went_in(pushes in prop::collection::vec((0..50_usize, 0..70_usize), 0..40)) {
            let (mut text, mut model, mut next) = (Text::default(), Vec::new(), 0_u8);
            for (pushed, taken) in pushes {
                let bytes: Vec<u8> = (0..pushed).map(|_| { next = next.wrapping_add(1); next }).collect();
                text.push(&bytes);
                model.extend(bytes);
                prop_assert!(text.bytes.len() <= 2 * model.len(), "what was taken does not pile up");
                let taken = taken.min(model.len());
                let all = taken == model.len();
                prop_assert_eq!(if all { text.take_all() } else { text.take(taken) }, model.drain(..taken).collect::<Vec<_>>());
                prop_assert_eq!(&*text, &*model);
            }
        }
    }
}

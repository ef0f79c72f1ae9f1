//! The running state of a processor as words in memory that the caller owns.

/// Writes state words; what does not fit is counted, not written.
#[derive(Debug)]
pub struct StateWriter<'a> {
    words: &'a mut [u32],
    used: usize,
}

impl<'a> StateWriter<'a> {
    /// Writes into `words`.
    #[must_use]
    pub fn new(words: &'a mut [u32]) -> Self {
        Self { words, used: 0 }
    }

    /// One word.
    pub fn word(&mut self, value: u32) {
        if let Some(slot) = self.words.get_mut(self.used) {
            *slot = value;
        }
        self.used = self.used.saturating_add(1);
    }

    /// Values, bit for bit.
    pub fn values(&mut self, values: &[f32]) {
        values.iter().for_each(|value| self.word(value.to_bits()));
    }

    /// One 64-bit value, low word first.
    pub fn long(&mut self, value: u64) {
        let bytes = value.to_le_bytes();
        let (low, high) = bytes.split_at(4);
        for half in [low, high] {
            self.word(u32::from_le_bytes(half.try_into().unwrap_or([0; 4])));
        }
    }

    /// Words written; `None` when they did not fit.
    #[must_use]
    pub fn finish(self) -> Option<usize> {
        (self.used <= self.words.len()).then_some(self.used)
    }
}

/// Reads state words; past the end it reads zeros and remembers that it did.
#[derive(Debug)]
pub struct StateReader<'a> {
    words: &'a [u32],
    used: usize,
}

impl<'a> StateReader<'a> {
    /// Reads from `words`.
    #[must_use]
    pub fn new(words: &'a [u32]) -> Self {
        Self { words, used: 0 }
    }

    /// One word.
    pub fn word(&mut self) -> u32 {
        let value = self.words.get(self.used).copied().unwrap_or(0);
        self.used = self.used.saturating_add(1);
        value
    }

    /// Values, bit for bit.
    pub fn values(&mut self, values: &mut [f32]) {
        values.iter_mut().for_each(|value| *value = f32::from_bits(self.word()));
    }

    /// One 64-bit value, low word first.
    pub fn long(&mut self) -> u64 {
        u64::from(self.word()) | (u64::from(self.word()) << 32)
    }

    /// All words were read, and none was missing.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.used == self.words.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let mut words = [0; 5];
        let mut writer = StateWriter::new(&mut words);
        writer.values(&[1.5, -0.0]);
        writer.long(0x0123_4567_89ab_cdef);
        writer.word(7);
        assert_eq!(writer.finish(), Some(5));
        let mut reader = StateReader::new(&words);
        let mut values = [0.0; 2];
        reader.values(&mut values);
        assert_eq!(values.map(f32::to_bits), [1.5f32.to_bits(), (-0.0f32).to_bits()]);
        assert_eq!(reader.long(), 0x0123_4567_89ab_cdef);
        assert!(!reader.complete());
        assert_eq!(reader.word(), 7);
        assert!(reader.complete());
        assert_eq!(reader.word(), 0);
        assert!(!reader.complete(), "reading past the end is noticed");
    }

    #[test]
    fn a_state_that_does_not_fit_is_refused() {
        let mut words = [0; 1];
        let mut writer = StateWriter::new(&mut words);
        writer.long(1);
        assert_eq!(writer.finish(), None);
    }
}

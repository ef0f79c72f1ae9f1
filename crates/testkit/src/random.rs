//! A small seeded generator of test cases.

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence with that seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A whole number in `low..=high` (the bias of the remainder is below 2⁻³² for the ranges that tests use).
    pub fn within(&mut self, low: i64, high: i64) -> i64 {
        let width = high.wrapping_sub(low).cast_unsigned().wrapping_add(1).max(1);
        low.wrapping_add((self.bits() % width).cast_signed())
    }

    /// An index in `0..count`; zero for a count of zero.
    pub fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.bits() % (count.max(1) as u64)).unwrap_or(0)
    }

    /// True once in `n` on average.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.index(n) == 0
    }

    /// Another order, by swaps.
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for index in 0..values.len() {
            values.swap(index, self.index(values.len()));
        }
    }

    /// A value in `low..high`.
    pub fn value(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * ((self.bits() >> 40) as f32 / 16_777_216.0)
    }
}

//! Makes a case out of seeds: the same seeds and number give the same bytes.

/// Longest case.
const MAX_LENGTH: usize = 1 << 16;

/// Bytes that count as the front of a case.
const HEAD: usize = 128;

/// Numbers that parsers trip over.
const EDGES: [u64; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0xffff_ffff_ffff_fffe,
];

/// Case number `case` of `seeds`, into which `words` of their language are put; the first cases are the seeds themselves,
/// unchanged.
pub fn case(seeds: &[Vec<u8>], words: &[&[u8]], case: u64) -> Vec<u8> {
    if let Some(seed) = usize::try_from(case).ok().and_then(|index| seeds.get(index)) {
        return seed.clone();
    }
    let mut random = Random(case);
    let mut bytes = seeds.get(random.below(seeds.len().max(1))).cloned().unwrap_or_default();
    // Every other case has a single fault: the first check refuses most of what has more.
    let more = if random.below(2) == 0 { 0 } else { random.below(6) };
    for _ in 0..=more {
        change(&mut bytes, seeds, words, &mut random);
        bytes.truncate(MAX_LENGTH);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[&[u8]], random: &mut Random) {
    // Every other fault is near the front, where headers are.
    let reach = if random.below(2) == 0 { bytes.len().min(HEAD) } else { bytes.len() };
    let at = random.below(reach + 1);
    let span = at..(at + 1 + random.below(16)).min(bytes.len()).max(at);
    match random.below(11) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(span)),
        2 => {
            let copy = bytes[span].to_vec();
            let times = 1 + random.below(40);
            bytes.splice(at..at, copy.repeat(times));
        }
        3 => {
            let fresh: Vec<u8> = (0..1 + random.below(16)).map(|_| random.byte()).collect();
            bytes.splice(at..at, fresh);
        }
        4 => bytes[span].iter_mut().for_each(|byte| *byte = random.byte()),
        5 | 6 => overwrite_number(bytes, at, random),
        7 => {
            // The end of another seed, which often still parses half-way.
            let other = seeds.get(random.below(seeds.len().max(1))).map_or(&[][..], Vec::as_slice);
            let cut = random.below(other.len() + 1);
            bytes.truncate(at);
            bytes.extend_from_slice(&other[cut..]);
        }
        8 => edge_in_text(bytes, at, random),
        9 => {
            let word = words.get(random.below(words.len().max(1))).copied().unwrap_or(b"");
            bytes.splice(at..at, word.iter().copied());
        }
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
    }
}

/// One of the [`EDGES`] in binary, of one to eight bytes, either way round.
fn overwrite_number(bytes: &mut [u8], at: usize, random: &mut Random) {
    let value = EDGES[random.below(EDGES.len())].wrapping_add(random.below(3) as u64);
    let size = 1 << random.below(4);
    let mut digits = value.to_le_bytes();
    if random.below(2) == 0 {
        digits[..size].reverse();
    }
    for (byte, digit) in bytes.iter_mut().skip(at).zip(&digits[..size]) {
        *byte = *digit;
    }
}

/// A number in decimal digits in place of the digits that stand there.
fn edge_in_text(bytes: &mut Vec<u8>, at: usize, random: &mut Random) {
    let begin = (at..bytes.len()).find(|index| bytes[*index].is_ascii_digit()).unwrap_or(at);
    let end = (begin..bytes.len()).find(|index| !bytes[*index].is_ascii_digit()).unwrap_or(bytes.len());
    let text = match random.below(5) {
        0 => "1e999".to_owned(),
        1 => "-0.0".to_owned(),
        2 => format!("-{}", EDGES[random.below(EDGES.len())]),
        3 => "9".repeat(1 + random.below(400)),
        _ => EDGES[random.below(EDGES.len())].to_string(),
    };
    bytes.splice(begin..end.max(begin), text.into_bytes());
}

/// Counter-based numbers (the finaliser of SplitMix64; Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to `bound` − 1; the small bias does no harm here.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or(0)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_repeat_differ_and_stay_short() {
        let seeds = vec![b"one 12 three".to_vec(), vec![0; 100]];
        let cases: Vec<Vec<u8>> = (0..2000).map(|number| case(&seeds, &[b"word"], number)).collect();
        assert_eq!(cases[..2], seeds[..]);
        assert!((0..2000).all(|number| cases[number] == case(&seeds, &[b"word"], number as u64)));
        let different = cases.iter().collect::<std::collections::BTreeSet<_>>().len();
        assert!(different > 1500, "{different} different cases of 2000");
        assert!(cases.iter().all(|bytes| bytes.len() <= MAX_LENGTH));
        assert!(cases.iter().any(|bytes| bytes.windows(4).any(|part| part == b"word")));
    }

    #[test]
    fn no_seed_at_all_still_gives_cases() {
        assert!((0..100).any(|number| !case(&[], &[], number).is_empty()));
    }
}

//! How an input is changed: a few small steps, each a kind of damage or of forging.

/// Makes the same inputs from the same seed.
pub struct Mutator(u64);

/// Bytes and words at which parsers stumble.
const INTERESTING: [&[u8]; 22] = [
    b"\0",
    b"\x7f",
    b"\x80",
    b"\xff\xfe",
    b"%",
    b"%00",
    b"%2f",
    b"..",
    b"//",
    b"\\",
    b"\"",
    b"'",
    b";",
    b",",
    b"=",
    b"[",
    b"]",
    b":",
    b" ",
    b"\t",
    "é".as_bytes(),
    "\u{202e}".as_bytes(),
];
const LONGEST: usize = 4000;

impl Mutator {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(n.max(1)).unwrap()).unwrap()
    }

    /// One of the corpus, changed in one to four ways.
    pub fn mutate(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(4) {
            self.step(&mut input, corpus);
        }
        input.truncate(LONGEST);
        input
    }

    fn step(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let at = self.below(input.len());
        let to = at + self.below(input.len().saturating_sub(at) + 1);
        match self.below(10) {
            0 if !input.is_empty() => input[at] ^= 1 << self.below(8),
            1 if !input.is_empty() => input[at] = u8::try_from(self.below(256)).unwrap(),
            2 => {
                let word = INTERESTING[self.below(INTERESTING.len())];
                input.splice(at..at, word.iter().copied());
            }
            3 => drop(input.drain(at..to)),
            4 => input.truncate(at),
            5 => {
                let piece = input[at..to].to_vec();
                input.splice(at..at, piece);
            }
            6 => {
                let other = &corpus[self.below(corpus.len())];
                let from = self.below(other.len());
                input.truncate(at);
                input.extend(&other[from..]);
            }
            7 if !input.is_empty() => {
                let [one, other] = [at, self.below(input.len())];
                input.swap(one, other);
            }
            8 => input[at..to].iter_mut().for_each(|byte| *byte ^= if byte.is_ascii_alphabetic() { 0x20 } else { 0 }),
            _ => {
                let word = INTERESTING[self.below(INTERESTING.len())];
                let times = 1 + self.below(300);
                input.splice(at..to, word.repeat(times));
            }
        }
    }
}

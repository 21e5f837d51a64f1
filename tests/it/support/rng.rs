//! A small seeded random generator, so that a failing seed fails again on every machine

/// SplitMix64: one addition and three shifts, good enough to pick test cases
#[derive(Clone)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Rng {
        // Neighbouring seeds must not give neighbouring streams, so the seed goes through the mixer once.
        let mut rng = Rng(seed ^ 0x9e37_79b9_7f4a_7c15);
        rng.next();
        rng
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// True in `percent` of 100 cases
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// A pick among texts, which [`Rng::pick`] would give with one reference too many
    pub fn word(&mut self, choices: &[&'static str]) -> &'static str {
        choices[self.below(choices.len())]
    }

    /// Takes one element out of a list that still has some
    pub fn take<T>(&mut self, from: &mut Vec<T>) -> T {
        let at = self.below(from.len());
        from.swap_remove(at)
    }
}

#[test]
fn a_seed_gives_the_same_stream_again_and_another_seed_another() {
    let stream = |seed| {
        let mut rng = Rng::new(seed);
        (0..100).map(|_| rng.next()).collect::<Vec<_>>()
    };
    assert_eq!(stream(1), stream(1));
    assert_ne!(stream(1), stream(2));
    let mut seen = [0; 5];
    let mut rng = Rng::new(3);
    (0..1000).for_each(|_| seen[rng.below(5)] += 1);
    assert!(seen.iter().all(|count| *count > 100), "uneven: {seen:?}");
}

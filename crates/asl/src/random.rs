//! Randomness as the caller gives it: for jitter and task tokens.

/// Where random numbers come from. In production a source that can't be guessed, because task tokens are made of it.
pub trait Random: Send {
    fn next_u64(&mut self) -> u64;
}

impl<F: FnMut() -> u64 + Send> Random for F {
    fn next_u64(&mut self) -> u64 {
        self()
    }
}

/// A small reproducible generator for tests and simulations. Not for production: who sees one number can tell the next.
#[derive(Debug, Clone)]
pub struct SplitMix64(pub u64);

impl Random for SplitMix64 {
    fn next_u64(&mut self) -> u64 {
        // Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014), with their constants.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// A number from 0 (included) to 1 (excluded).
pub(crate) fn unit(random: &mut dyn Random) -> f64 {
    // 53 bits: as many as a double holds exactly.
    #[expect(
        clippy::cast_precision_loss,
        reason = "2^53 and what is below it are exact doubles"
    )]
    let part = (random.next_u64() >> 11) as f64;
    part / 9_007_199_254_740_992.0
}

/// A task token: 128 random bits in hexadecimal.
pub(crate) fn token(random: &mut dyn Random) -> String {
    format!("{:016x}{:016x}", random.next_u64(), random.next_u64())
}

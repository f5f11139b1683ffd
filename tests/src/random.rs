//! Moments at which things happen.

/// A generator of moments that does not need a clock: the same seed gives the same run.
pub struct Random(u64);

impl Random {
    /// With that seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next number, less than `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

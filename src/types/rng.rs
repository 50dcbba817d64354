//! The one source of randomness, so that tests and the demo can fix it.

use std::sync::{Arc, Mutex, PoisonError};

use rand::{Rng as _, SeedableRng, rngs::StdRng};

/// Where random bytes come from.
#[derive(Clone, Default)]
pub enum Rng {
    /// The operating system's generator: what every secret of a real portal is made of.
    #[default]
    System,
    /// A fixed sequence, for made-up data.
    Seeded(Arc<Mutex<StdRng>>),
}

impl Rng {
    /// The same bytes in the same order for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// `N` random bytes.
    ///
    /// # Panics
    /// When the operating system has no randomness to give: nothing secret could be made then, so going on would be worse.
    #[expect(clippy::expect_used, reason = "a portal without randomness must not go on")]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match self {
            Self::System => getrandom::fill(&mut bytes).expect("the system gives randomness"),
            Self::Seeded(rng) => rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes),
        }
        bytes
    }
}

//! Artifacts and caches on this side: finding files, packing and unpacking them, bringing archives over.
//!
//! An archive is a tar in gzip. Names in it begin with the place they belong to ([`pack::Item`]), so that a cache finds its
//! way back into a workspace or home that is somewhere else.

pub mod artifact;
pub mod cache;
pub mod find;
pub mod pack;
pub mod transfer;
pub mod unpack;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Tells work on another thread that nobody waits for it any more.
#[derive(Debug, Clone, Default)]
pub struct Abandon(Arc<AtomicBool>);

impl Abandon {
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Abandons when it is dropped.
    #[must_use]
    pub fn guard(&self) -> AbandonGuard {
        AbandonGuard(self.clone())
    }
}

/// See [`Abandon::guard`].
#[derive(Debug)]
pub struct AbandonGuard(Abandon);

impl Drop for AbandonGuard {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

//! Installation tokens, kept until shortly before they run out.

use checkmill_core::{InstallationId, Millis, UnixMillis};
use http::HeaderValue;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// A token lives an hour; it is renewed this long before, so that no request is on its way with one that runs out.
const MARGIN: Millis = Millis::from_minutes(10);
/// GitHub's servers may not know a token for some seconds after it was made: a 401 means nothing then.
const YOUNG: Millis = Millis::from_secs(5);

#[derive(Debug)]
pub(super) struct Token {
    /// `Bearer …`, marked sensitive.
    pub(super) authorization: HeaderValue,
    pub(super) minted_at: UnixMillis,
    pub(super) expires_at: UnixMillis,
    /// What the installation grants the App, by GitHub's names; empty where GitHub did not say.
    pub(super) permissions: BTreeMap<String, String>,
}

impl Token {
    pub(super) fn is_young(&self, now: UnixMillis) -> bool {
        now.since(self.minted_at) < YOUNG
    }

    fn is_fresh(&self, now: UnixMillis) -> bool {
        now + MARGIN < self.expires_at
    }
}

/// One slot for each installation. Its lock is held while a token is made, so that many callers make one.
type Slot = Arc<tokio::sync::Mutex<Option<Arc<Token>>>>;

#[derive(Debug, Default)]
pub(super) struct TokenCache {
    slots: Mutex<HashMap<InstallationId, Slot>>,
}

impl TokenCache {
    fn slot(&self, installation: InstallationId) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(installation).or_default())
    }

    /// The installation's token, made by `mint` where there is none that is good for a while yet.
    pub(super) async fn get<E>(
        &self,
        installation: InstallationId,
        now: UnixMillis,
        mint: impl AsyncFnOnce() -> Result<Token, E>,
    ) -> Result<Arc<Token>, E> {
        let slot = self.slot(installation);
        let mut held = slot.lock().await;
        if let Some(token) = held.as_ref().filter(|token| token.is_fresh(now)) {
            return Ok(Arc::clone(token));
        }
        let token = Arc::new(mint().await?);
        *held = Some(Arc::clone(&token));
        Ok(token)
    }

    /// Forgets a token that was not accepted, unless it has been replaced already.
    pub(super) async fn forget(&self, installation: InstallationId, refused: &Arc<Token>) {
        let slot = self.slot(installation);
        let mut held = slot.lock().await;
        if held.as_ref().is_some_and(|token| Arc::ptr_eq(token, refused)) {
            *held = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicU32, Ordering};

    const ONE: InstallationId = InstallationId(1);

    fn token(minted_at: u64) -> Token {
        Token {
            authorization: HeaderValue::from_static("Bearer x"),
            minted_at: UnixMillis(minted_at),
            expires_at: UnixMillis(minted_at) + Millis::from_minutes(60),
            permissions: BTreeMap::new(),
        }
    }

    async fn get(cache: &TokenCache, at: u64, minted: &AtomicU32) -> Arc<Token> {
        let mint = async || {
            minted.fetch_add(1, Ordering::Relaxed);
            // Lets the others come to the lock.
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(token(at))
        };
        cache.get(ONE, UnixMillis(at), mint).await.unwrap()
    }

    #[tokio::test]
    async fn a_token_is_kept_until_ten_minutes_before_its_end() {
        let (cache, minted) = (TokenCache::default(), AtomicU32::new(0));
        get(&cache, 0, &minted).await;
        get(&cache, 50 * 60_000 - 1, &minted).await;
        assert_eq!(minted.load(Ordering::Relaxed), 1);
        get(&cache, 50 * 60_000, &minted).await;
        assert_eq!(minted.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn many_callers_make_one_token() {
        let (cache, minted) = (TokenCache::default(), AtomicU32::new(0));
        futures::future::join_all((0..20).map(|_| get(&cache, 0, &minted))).await;
        assert_eq!(minted.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_failure_to_make_one_is_told_and_not_kept() {
        let (cache, minted) = (TokenCache::default(), AtomicU32::new(0));
        assert_eq!(
            cache
                .get(ONE, UnixMillis(0), async || Err::<Token, _>("no"))
                .await
                .unwrap_err(),
            "no"
        );
        get(&cache, 0, &minted).await;
        assert_eq!(minted.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn only_the_refused_token_is_forgotten() {
        let (cache, minted) = (TokenCache::default(), AtomicU32::new(0));
        let first = get(&cache, 0, &minted).await;
        cache.forget(ONE, &first).await;
        let second = get(&cache, 0, &minted).await;
        // A slower request comes back with the first one.
        cache.forget(ONE, &first).await;
        assert!(Arc::ptr_eq(&second, &get(&cache, 0, &minted).await));
        assert_eq!(minted.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn young_is_less_than_five_seconds() {
        assert!(token(1000).is_young(UnixMillis(5999)));
        assert!(!token(1000).is_young(UnixMillis(6000)));
        // A clock that was set back.
        assert!(token(1000).is_young(UnixMillis(0)));
    }
}

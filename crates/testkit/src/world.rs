//! A whole fake world for one test: GitHub, a backend and a clock, with an end that nothing may be left at.

use crate::backend::FakeBackend;
use crate::clock::{FakeClock, TimeSource};
use crate::fake::{FakeGitHub, Options};

pub struct World {
    pub github: FakeGitHub,
    pub backend: FakeBackend,
    pub clock: FakeClock,
}

impl World {
    /// Starts a world that goes by one fake clock, whatever clock the options name.
    ///
    /// # Panics
    /// When 127.0.0.1 can't be listened on.
    pub async fn start(options: Options) -> Self {
        let clock = match &options.time {
            TimeSource::Fake(clock) => clock.clone(),
            TimeSource::System => FakeClock::default(),
        };
        let options = Options {
            time: TimeSource::Fake(clock.clone()),
            ..options
        };
        let github = FakeGitHub::start(options)
            .await
            .expect("127.0.0.1 has a free port for the fake GitHub");
        Self {
            github,
            backend: FakeBackend::default(),
            clock,
        }
    }

    /// Runs a test in a world of its own and finishes it.
    ///
    /// # Panics
    /// As [`Self::start`] and [`Self::finish`] do, and as the test does.
    pub async fn run(options: Options, test: impl AsyncFnOnce(&Self)) {
        let world = Self::start(options).await;
        test(&world).await;
        world.finish();
    }

    /// Everything that the parts have left over.
    #[must_use]
    pub fn leftovers(&self) -> Vec<String> {
        let mut left = self.github.leftovers();
        left.extend(self.backend.leftovers());
        left
    }

    /// Ends a test.
    ///
    /// # Panics
    /// With the history, when there are [`Self::leftovers`].
    pub fn finish(self) {
        let left = self.leftovers();
        assert!(
            left.is_empty(),
            "left over at the end:\n{}\nWhat happened:\n{}",
            left.join("\n"),
            self.github.history()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NewCommit, NewRepository};
    use checkmill_core::Millis;
    use checkmill_phases::ports::Clock;

    #[tokio::test]
    async fn a_world_goes_by_one_clock_and_ends_clean() {
        World::run(Options::default(), async |world| {
            let before = Clock::now(&world.clock);
            world.clock.advance(Millis(5));
            assert_eq!(world.github.read(crate::State::now).since(before), Millis(5));
        })
        .await;
    }

    #[tokio::test]
    #[should_panic(expected = "webhook push 00000001-fa4e-4000-8000-000000000001 was not consumed")]
    async fn a_world_with_something_left_over_fails() {
        World::run(Options::default(), async |world| {
            let github = &world.github;
            github
                .add_repository(NewRepository::new("a/b").file("x", "y"))
                .unwrap();
            github
                .push("a/b", "main", NewCommit::new("x").write("x", "z"))
                .unwrap();
        })
        .await;
    }
}

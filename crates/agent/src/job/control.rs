//! Stopping a job: who wants it stopped, and how far that has gone.

use tokio::sync::watch;

/// Why a job is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The agent was told to.
    Cancelled,
    /// The job's time limit.
    TimedOut,
}

/// How far a job is from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    Running,
    /// Steps that run always, or when cancelled, still do.
    Stopping(StopReason),
    /// Nothing runs any more.
    Forced(StopReason),
}

impl Course {
    #[must_use]
    pub const fn stopped(self) -> Option<StopReason> {
        match self {
            Self::Running => None,
            Self::Stopping(reason) | Self::Forced(reason) => Some(reason),
        }
    }
}

/// The side that stops.
#[derive(Debug)]
pub struct Controller(watch::Sender<Course>);

/// The side that is stopped.
#[derive(Debug, Clone)]
pub struct Control(watch::Receiver<Course>);

/// Both sides of a job that runs.
#[must_use]
pub fn control() -> (Controller, Control) {
    let (sender, receiver) = watch::channel(Course::Running);
    (Controller(sender), Control(receiver))
}

impl Controller {
    /// Asks the job to stop; the first reason stays.
    pub fn stop(&self, reason: StopReason) {
        self.0.send_if_modified(|course| {
            let running = *course == Course::Running;
            if running {
                *course = Course::Stopping(reason);
            }
            running
        });
    }

    /// Ends what still runs of a job that was asked to stop.
    pub fn force(&self) {
        self.0.send_if_modified(|course| match *course {
            Course::Stopping(reason) => {
                *course = Course::Forced(reason);
                true
            }
            _ => false,
        });
    }
}

impl Control {
    #[must_use]
    pub fn course(&self) -> Course {
        *self.0.borrow()
    }

    /// Ready when a step must stop: when the job is to stop, unless `goes_on` (asked then) says that this step is for that
    /// case; when the job is forced to its end, in any case.
    pub async fn stop_of_step(mut self, mut goes_on: impl FnMut() -> bool) {
        let stopping = self
            .0
            .wait_for(|course| *course != Course::Running)
            .await
            .map(|course| *course);
        match stopping {
            Ok(Course::Stopping(_)) if goes_on() => {
                let forced = self
                    .0
                    .wait_for(|course| matches!(course, Course::Forced(_)))
                    .await;
                if forced.is_err() {
                    std::future::pending().await
                }
            }
            Ok(_) => {}
            // Whoever could stop us is gone, and with it the reason to.
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    async fn is_ready(wait: impl Future<Output = ()>) -> bool {
        tokio::time::timeout(Duration::ZERO, wait).await.is_ok()
    }

    #[tokio::test]
    async fn a_step_stops_with_the_job_unless_it_is_for_that_case() {
        let (controller, control) = control();
        assert!(!is_ready(control.clone().stop_of_step(|| false)).await);
        controller.force();
        assert_eq!(control.course(), Course::Running, "nothing to force yet");
        controller.stop(StopReason::TimedOut);
        controller.stop(StopReason::Cancelled);
        assert_eq!(control.course().stopped(), Some(StopReason::TimedOut));
        assert!(is_ready(control.clone().stop_of_step(|| false)).await);
        assert!(!is_ready(control.clone().stop_of_step(|| true)).await);
        controller.force();
        assert!(is_ready(control.stop_of_step(|| true)).await);
    }
}

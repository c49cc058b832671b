//! What happens without anybody in the world asking for it: time limits, sweeps, agents that call, and what a test plans.

use super::flight::{Answer, Kind};
use super::tally::Happening;
use super::world::{Action, SWEEP_EVERY, World};
use checkmill_asl::{Event as AslEvent, TaskError};
use checkmill_core::{Millis, UnixMillis};
use checkmill_phases::ports::{Clock as _, PlanMessage};

/// How long a function may take; `infra/` gives some of them less, none whose claim matters more.
const FUNCTION_TIMEOUT: Millis = Millis::from_secs(60);

impl World {
    /// The next time at which anything happens by itself.
    pub(super) fn next_moment(&self) -> UnixMillis {
        let timer = self.ports.engine.next_timer().map(|(at, _)| UnixMillis(at.0));
        let action = self.actions.iter().map(|(at, _)| *at).min();
        let flights = self
            .schedule
            .flights()
            .iter()
            .flat_map(|flight| match &flight.kind {
                Kind::Invoke(invocation) => [Some(flight.born + FUNCTION_TIMEOUT), invocation.deserted_at],
                _ => [None, None],
            });
        let agent = self.silent_agents().map(|(_, at, _)| at).min();
        [
            timer,
            action,
            self.schedule.next_wake(),
            agent,
            Some(self.next_sweep),
        ]
        .into_iter()
        .chain(flights)
        .flatten()
        .min()
        .unwrap_or(self.next_sweep)
    }

    /// What agents are still going to say, with when.
    fn silent_agents(&self) -> impl Iterator<Item = (String, UnixMillis, bool)> {
        let spans = if self.callback {
            self.backend().spans()
        } else {
            Vec::new()
        };
        let words = spans.into_iter().flat_map(|(id, began, ended)| {
            let end = ended.map(|ended| (id.clone(), ended, true));
            [Some((id, began, false)), end]
        });
        words
            .flatten()
            .filter(|(id, _, end)| !self.said.contains(&(id.clone(), *end)))
    }

    /// Everything that happens by itself at or before `now`.
    pub(super) fn happen(&mut self, now: UnixMillis) {
        self.time_out(now);
        if self.next_sweep <= now {
            self.next_sweep = now + SWEEP_EVERY;
            self.act(Action::Sweep);
        }
        while let Some(index) = self.actions.iter().position(|(at, _)| *at <= now) {
            let (_, action) = self.actions.remove(index);
            self.act(action);
        }
        let words: Vec<_> = self.silent_agents().filter(|(_, at, _)| *at <= now).collect();
        for (id, _, end) in words {
            self.said.insert((id.clone(), end));
            // One in four is lost on its way.
            if self.schedule.below(4) > 0 {
                self.agent_calls(id);
            } else {
                self.faults.tally().note(Happening::AgentUnheard);
            }
        }
        if let Some((at, name)) = self.ports.engine.next_timer()
            && at.0 <= now.0
        {
            self.ports.engine.feed(&name, AslEvent::TimerFired);
        }
    }

    /// Functions that take too long are ended; a state machine whose call was cut off hears of a failure.
    fn time_out(&mut self, now: UnixMillis) {
        let overdue = self
            .schedule
            .kill(|flight| matches!(flight.kind, Kind::Invoke(_)) && flight.born + FUNCTION_TIMEOUT <= now);
        for kind in overdue {
            self.note(|| format!("takes too long: {kind}"));
            self.faults.tally().note(Happening::TimedOut);
            if let Kind::Invoke(invocation) = kind {
                self.answer(
                    &invocation,
                    Err(TaskError::new("Sandbox.Timedout", "it took too long")),
                );
            }
        }
        let mut deserted = Vec::new();
        for flight in self.schedule.flights_mut() {
            if let Kind::Invoke(invocation) = &mut flight.kind
                && invocation.deserted_at.is_some_and(|at| at <= now)
            {
                invocation.deserted_at = None;
                deserted.push(invocation.clone());
            }
        }
        for invocation in deserted {
            self.faults.tally().note(Happening::Deserted);
            self.note(|| {
                format!(
                    "answer lost, it goes on: {} {}",
                    invocation.execution, invocation.function
                )
            });
            let error = TaskError::new("Lambda.SdkClientException", "the connection broke");
            self.answer(&invocation, Err(error));
        }
    }

    fn act(&mut self, action: Action) {
        let ports = self.ports.clone();
        match action {
            Action::Deliver(mut event) => {
                event.received_at = self.clock.now();
                if self
                    .events
                    .insert(event.delivery.clone(), event.clone())
                    .is_some()
                {
                    self.faults.tally().note(Happening::Duplicate);
                }
                let kind = Kind::Deliver(event.clone());
                self.launch(kind, async move {
                    Answer::Text(ports.receive(&event).await.map(str::to_owned))
                });
            }
            Action::RepeatMessage(delivery) => {
                self.faults.tally().note(Happening::Duplicate);
                self.store().return_message(PlanMessage { delivery });
            }
            Action::AgentsCall => {
                for (id, began, _) in self.backend().spans() {
                    if began <= self.clock.now() {
                        self.agent_calls(id);
                    }
                }
            }
            Action::StopExecutions => {
                if !self.ports.engine.is_idle() {
                    self.faults.tally().note(Happening::ExecutionsStopped);
                }
                self.ports.engine.forget_all();
            }
            Action::Sweep => self.launch(Kind::Sweep, async move {
                Answer::Text(ports.sweep().await.map(|swept| format!("{swept:?}")))
            }),
        }
    }

    fn agent_calls(&mut self, id: String) {
        let ports = self.ports.clone();
        self.launch(Kind::Agent(id.clone()), async move {
            Answer::Agent(ports.agent(&id).await)
        });
    }
}

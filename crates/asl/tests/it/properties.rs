//! Whatever happens, an execution ends or waits for something, counts, and does not panic.

use checkmill_asl::job::{Functions, machine};
use checkmill_asl::{
    Command, Event, Execution, HISTORY_EVENTS_MAX, Machine, Moment, SplitMix64, Step, TaskError, Ticket,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};

#[derive(Debug, Clone)]
enum Happening {
    Answer(Value),
    Fail(String),
    /// Also for tickets and tokens that are over.
    OldTicket(bool),
    Token(Value),
    TokenFails(String),
    OldToken,
    Heartbeat,
    /// The timer comes, so many milliseconds late.
    Timer(u64),
    EarlyTimer,
    Stop,
}

fn happenings() -> impl Strategy<Value = Happening> {
    let next = prop_oneof![
        4 => Just("wait"), 4 => Just("await"), 1 => Just("results"), 1 => Just("continue"), 1 => Just("done"),
        1 => Just("nonsense"),
    ];
    let answer = (next, 0u64..400).prop_map(|(next, wait)| {
        json!({"job": "j", "attempt": 1, "generation": 0, "turn": 0, "next": next, "wait_seconds": wait,
            "next_execution": "j-1-1", "next_generation": 1})
    });
    let odd = prop_oneof![
        Just(json!(null)),
        Just(json!([])),
        Just(json!({"next": 1})),
        Just(json!("x".repeat(300_000)))
    ];
    let output = prop_oneof![9 => answer, 1 => odd];
    let error = prop_oneof![
        Just("Checkmill.Transient"),
        Just("Checkmill.Conflict"),
        Just("Checkmill.RateLimited"),
        Just("Checkmill.Permanent"),
        Just("Lambda.Unknown"),
        Just("States.Runtime"),
        Just("Strange"),
        Just("StepFunctions.ExecutionAlreadyExistsException"),
    ]
    .prop_map(str::to_owned);
    prop_oneof![
        8 => output.clone().prop_map(Happening::Answer),
        6 => error.clone().prop_map(Happening::Fail),
        1 => any::<bool>().prop_map(Happening::OldTicket),
        3 => output.prop_map(Happening::Token),
        1 => error.prop_map(Happening::TokenFails),
        1 => Just(Happening::OldToken),
        1 => Just(Happening::Heartbeat),
        8 => prop_oneof![4 => Just(0), 1 => 0u64..10_000_000].prop_map(Happening::Timer),
        1 => Just(Happening::EarlyTimer),
        1 => Just(Happening::Stop),
    ]
}

fn job() -> Arc<Machine> {
    static JOB: OnceLock<Arc<Machine>> = OnceLock::new();
    Arc::clone(JOB.get_or_init(|| Arc::new(machine(&Functions::LOCAL).unwrap())))
}

struct World {
    execution: Execution,
    now: Moment,
    random: SplitMix64,
    timer: Option<Moment>,
    calls: Vec<Ticket>,
    tokens: Vec<String>,
    finished: usize,
}

impl World {
    fn new(seed: u64) -> (Self, Vec<Command>) {
        let mut random = SplitMix64(seed);
        let input = json!({"job": "j", "attempt": 1, "generation": 0});
        let mut step = Step {
            now: Moment(0),
            random: &mut random,
        };
        let (execution, commands) = Execution::start(job(), "m".into(), input, &mut step);
        let (calls, tokens) = (Vec::new(), Vec::new());
        (
            Self {
                execution,
                now: Moment(0),
                random,
                timer: None,
                calls,
                tokens,
                finished: 0,
            },
            commands,
        )
    }

    fn event(&mut self, happening: &Happening) -> Option<Event> {
        let error = |name: &String| TaskError::new(name.clone(), "because");
        let last = self.calls.last().copied();
        Some(match happening {
            Happening::Answer(output) => Event::TaskSucceeded {
                ticket: last?,
                output: output.clone(),
            },
            Happening::Fail(name) => Event::TaskFailed {
                ticket: last?,
                error: error(name),
            },
            Happening::OldTicket(true) => Event::TaskSucceeded {
                ticket: *self.calls.first()?,
                output: json!({}),
            },
            Happening::OldTicket(false) => Event::TaskFailed {
                ticket: *self.calls.first()?,
                error: TaskError::new("Old", ""),
            },
            Happening::Token(output) => Event::TokenSucceeded {
                token: self.tokens.last()?.clone(),
                output: output.clone(),
            },
            Happening::TokenFails(name) => Event::TokenFailed {
                token: self.tokens.last()?.clone(),
                error: error(name),
            },
            Happening::OldToken => Event::TokenSucceeded {
                token: self.tokens.first()?.clone(),
                output: json!({}),
            },
            Happening::Heartbeat => Event::Heartbeat {
                token: self.tokens.last()?.clone(),
            },
            Happening::Timer(late) => {
                self.now = Moment(self.now.0.max(self.timer?.0) + late);
                Event::TimerFired
            }
            Happening::EarlyTimer => Event::TimerFired,
            Happening::Stop => Event::Stop {
                cause: "enough".to_owned(),
            },
        })
    }

    fn take(&mut self, commands: Vec<Command>) {
        for command in commands {
            match command {
                Command::Invoke { ticket, token, .. } => {
                    self.calls.push(ticket);
                    self.tokens.extend(token);
                }
                Command::StartExecution { ticket, .. } => self.calls.push(ticket),
                Command::SetTimer { at } => self.timer = Some(at),
                Command::Finished => self.finished += 1,
            }
        }
    }

    fn step(&mut self, event: Event) {
        let before = (
            self.execution.transitions(),
            self.execution.visits().count(),
            self.execution.outcome().cloned(),
        );
        let calls = self.calls.len();
        let commands = self.execution.step(
            event,
            &mut Step {
                now: self.now,
                random: &mut self.random,
            },
        );
        if before.2.is_some() {
            assert_eq!(commands, [], "nothing follows the end");
            assert_eq!(self.execution.outcome().cloned(), before.2);
        }
        self.take(commands);
        // Each transition is a state entered or a retry, and a retry is a call without a new state.
        let entered = (self.execution.visits().count() - before.1) as u64;
        let called = (self.calls.len() - calls) as u64;
        let transitions = self.execution.transitions() - before.0;
        assert!(
            transitions >= entered && transitions <= entered + called,
            "{transitions} {entered} {called}"
        );
    }

    /// Ended and said so once, or waiting for a time that will come.
    fn check(&self) {
        match self.execution.outcome() {
            Some(_) => assert_eq!(self.finished, 1),
            None => {
                assert_eq!(self.finished, 0);
                assert!(self.timer.is_some(), "nothing would ever happen again");
            }
        }
        assert!(self.execution.history_events() <= HISTORY_EVENTS_MAX);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn any_sequence_ends_or_waits(seed: u64, happenings in prop::collection::vec(happenings(), 0..60)) {
        let (mut world, commands) = World::new(seed);
        world.take(commands);
        world.check();
        for happening in &happenings {
            if let Some(event) = world.event(happening) {
                world.step(event);
            }
            world.check();
        }
        // Left alone, with nobody answering anything, it comes to its end by itself.
        for _ in 0..100_000 {
            if world.execution.outcome().is_some() {
                break;
            }
            let event = world.event(&Happening::Timer(0)).expect("a timer");
            world.step(event);
            world.check();
        }
        prop_assert!(world.execution.outcome().is_some());
    }

    #[test]
    fn no_text_makes_the_loader_panic(text in ".{0,200}") {
        let _ = Machine::parse(&text);
    }

    #[test]
    fn no_change_to_the_definition_makes_it_panic(at in 0usize..12_000, by in ".{0,3}", cut in 0usize..40) {
        let definition = checkmill_asl::job::definition(&Functions::LOCAL).unwrap();
        let boundary = |mut at: usize| { while !definition.is_char_boundary(at) { at += 1; } at };
        let at = boundary(at.min(definition.len()));
        let end = boundary((at + cut).min(definition.len()));
        let changed = format!("{}{by}{}", &definition[..at], &definition[end..]);
        if let Ok(machine) = Machine::parse(&changed) {
            let mut random = SplitMix64(1);
            let mut step = Step { now: Moment(0), random: &mut random };
            let _ = Execution::start(Arc::new(machine), "m".into(), json!({}), &mut step);
        }
    }
}

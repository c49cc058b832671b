//! The driver, with tokio's clock paused: hours pass at once, and nothing sleeps.

use crate::support::FUNCTION;
use checkmill_asl::engine::{
    Engine, EngineSettings, StartError, Started, StopError, TaskHandler, TokenError, WeakEngine,
};
use checkmill_asl::job::{Functions, machine as job_machine};
use checkmill_asl::{DATA_LIMIT_BYTES, Machine, Outcome, SplitMix64, TaskError};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

type Answer = Result<Value, TaskError>;

/// Answers by what the input says: `{"do": "answer" | "fail" | "panic" | "hang" | "token"}`.
struct Handler {
    engine: WeakEngine,
    token: Mutex<Option<String>>,
    called: Notify,
    at_once: AtomicUsize,
    most: AtomicUsize,
}

#[async_trait::async_trait]
impl TaskHandler for Handler {
    async fn invoke(&self, function: &str, input: Value) -> Answer {
        assert_eq!(function, FUNCTION);
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let answer = self.answer(&input).await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        answer
    }
}

impl Handler {
    async fn answer(&self, input: &Value) -> Answer {
        if let Some(token) = input["token"].as_str() {
            *self.token.lock().unwrap() = Some(token.to_owned());
            self.called.notify_one();
        }
        match input["do"].as_str() {
            Some("fail") => Err(TaskError::new("Failed", "as told")),
            Some("panic") => panic!("as told"),
            Some("hang") => std::future::pending().await,
            Some("slow") => {
                tokio::time::sleep(Duration::from_secs(5)).await;
                Ok(json!("slow"))
            }
            // The token answered from inside the very call that hands it over.
            Some("wake") => {
                let token = input["token"].as_str().unwrap_or_default();
                self.engine
                    .upgrade()
                    .unwrap()
                    .task_success(token, json!("woken"))
                    .unwrap();
                Ok(json!("handed over"))
            }
            _ => Ok(json!("answered")),
        }
    }
}

fn engine_with(machine: Value, settings: EngineSettings) -> (Engine, Arc<Handler>) {
    let machine = Machine::parse(&machine.to_string()).unwrap();
    let mut made = None;
    let runtime = tokio::runtime::Handle::current();
    let engine = Engine::new(machine, settings, Box::new(SplitMix64(3)), runtime, |engine| {
        let handler = Arc::new(Handler {
            engine,
            token: Mutex::default(),
            called: Notify::new(),
            at_once: AtomicUsize::default(),
            most: AtomicUsize::default(),
        });
        made = Some(Arc::clone(&handler));
        handler
    });
    (engine, made.unwrap())
}

fn call() -> Value {
    json!({"StartAt": "A", "States": {"A": {
        "Type": "Task", "Resource": FUNCTION, "TimeoutSeconds": 90, "End": true,
        "Retry": [{"ErrorEquals": ["Sandbox.Timedout"], "MaxAttempts": 1}],
    }}})
}

fn token() -> Value {
    json!({"StartAt": "A", "States": {"A": {
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "End": true,
        "Parameters": {"FunctionName": FUNCTION, "Payload": {"do.$": "$.do", "token.$": "$$.Task.Token"}},
        "TimeoutSeconds": 3600, "HeartbeatSeconds": 60,
    }}})
}

fn settings() -> EngineSettings {
    EngineSettings::default()
}

async fn outcome(engine: &Engine, name: &str, input: Value) -> Outcome {
    engine.start(name, input).unwrap();
    engine.wait(name).await.unwrap().outcome.clone()
}

fn failed(error: &str, outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(found) if found.error == error)
}

#[tokio::test(start_paused = true)]
async fn calls_answer_fail_panic_and_hang() {
    let (engine, _) = engine_with(call(), settings());
    assert_eq!(
        outcome(&engine, "a", json!({})).await,
        Outcome::Succeeded {
            output: json!("answered")
        }
    );
    assert!(failed(
        "Failed",
        &outcome(&engine, "b", json!({"do": "fail"})).await
    ));
    assert!(failed(
        "Runtime.ExitError",
        &outcome(&engine, "c", json!({"do": "panic"})).await
    ));
    let before = tokio::time::Instant::now();
    assert!(failed(
        "Sandbox.Timedout",
        &outcome(&engine, "d", json!({"do": "hang"})).await
    ));
    // Two tries of 60 s with a second between.
    assert_eq!(before.elapsed().as_secs(), 121);
    let usage = engine.usage();
    assert_eq!((usage.executions, usage.transitions, usage.calls), (4, 5, 5));
    assert_eq!(engine.ended("d").unwrap().transitions, 2);
}

#[tokio::test(start_paused = true)]
async fn the_tasks_own_timeout_does_not_wait_for_the_function() {
    let settings = EngineSettings {
        function_timeout: Duration::from_secs(1000),
        ..settings()
    };
    let (engine, _) = engine_with(call(), settings);
    assert!(failed(
        "States.Timeout",
        &outcome(&engine, "a", json!({"do": "hang"})).await
    ));
}

#[tokio::test(start_paused = true)]
async fn a_name_is_taken_while_it_is_remembered() {
    let settings = EngineSettings {
        remembered: 2,
        ..settings()
    };
    let (engine, _) = engine_with(call(), settings);
    let taken = |name: &str| Err(StartError::AlreadyExists(name.to_owned()));
    let hang = || json!({"do": "hang"});
    assert_eq!(engine.start("a", hang()), Ok(Started::New));
    assert_eq!(engine.start("a", hang()), Ok(Started::AlreadyRunning));
    assert_eq!(engine.start("a", json!({})), taken("a"));
    assert!(engine.is_running("a"));
    assert_eq!(engine.running(), ["a"]);
    engine.stop("a", "enough").unwrap();
    engine.idle().await;
    assert!(!engine.is_running("a"));
    // Ended: refused with the same input too.
    assert_eq!(engine.start("a", hang()), taken("a"));
    assert_eq!(
        engine.ended("a").unwrap().outcome,
        Outcome::Aborted {
            cause: "enough".to_owned()
        }
    );
    assert_eq!(engine.visited("a").unwrap(), ["A"]);
    for name in ["b", "c"] {
        outcome(&engine, name, json!({})).await;
    }
    assert_eq!(engine.ended("a"), None);
    assert_eq!(engine.start("a", hang()), Ok(Started::New));
}

#[tokio::test(start_paused = true)]
async fn bad_starts_and_stops_are_refused() {
    let (engine, _) = engine_with(call(), settings());
    let long = "x".repeat(81);
    for name in ["", "a b", "a/b", "a*", "ä", long.as_str()] {
        assert!(
            matches!(engine.start(name, json!({})), Err(StartError::InvalidName(_))),
            "{name}"
        );
    }
    assert_eq!(engine.start(&long[1..], json!({})), Ok(Started::New));
    let large = json!("x".repeat(DATA_LIMIT_BYTES));
    assert_eq!(
        engine.start("a", large),
        Err(StartError::InputTooLarge {
            bytes: DATA_LIMIT_BYTES + 2
        })
    );
    assert_eq!(engine.stop("a", "x"), Err(StopError::NotRunning("a".to_owned())));
    assert_eq!(engine.wait("a").await, None);
    assert_eq!(engine.visited("a"), None);
    engine.idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_token_is_answered_once() {
    let (engine, handler) = engine_with(token(), settings());
    engine.start("a", json!({"do": "hand over"})).unwrap();
    handler.called.notified().await;
    let token = handler.token.lock().unwrap().clone().unwrap();
    assert_eq!(
        engine.task_success("unknown", json!({})),
        Err(TokenError::Unknown)
    );
    assert_eq!(engine.task_heartbeat("unknown"), Err(TokenError::Unknown));
    assert_eq!(engine.task_heartbeat(&token), Ok(()));
    assert_eq!(engine.task_success(&token, json!("by token")), Ok(()));
    assert_eq!(engine.task_success(&token, json!("again")), Err(TokenError::Used));
    assert_eq!(
        engine.task_failure(&token, TaskError::new("E", "")),
        Err(TokenError::Used)
    );
    let ended = engine.wait("a").await.unwrap();
    assert_eq!(
        ended.outcome,
        Outcome::Succeeded {
            output: json!("by token")
        }
    );
    assert_eq!(engine.task_heartbeat(&token), Err(TokenError::Used));
}

#[tokio::test(start_paused = true)]
async fn a_token_can_be_answered_from_inside_its_call() {
    let (engine, _) = engine_with(token(), settings());
    assert_eq!(
        outcome(&engine, "a", json!({"do": "wake"})).await,
        Outcome::Succeeded {
            output: json!("woken")
        }
    );
}

#[tokio::test(start_paused = true)]
async fn heartbeats_reach_the_execution_and_a_token_dies_with_its_task() {
    let (engine, handler) = engine_with(token(), settings());
    engine.start("a", json!({"do": "hand over"})).unwrap();
    handler.called.notified().await;
    let token = handler.token.lock().unwrap().clone().unwrap();
    for _ in 0..10 {
        tokio::time::advance(Duration::from_secs(50)).await;
        engine.task_heartbeat(&token).unwrap();
    }
    let before = tokio::time::Instant::now();
    let ended = engine.wait("a").await.unwrap();
    assert!(failed("States.Timeout", &ended.outcome));
    assert_eq!(before.elapsed().as_secs(), 60);
    assert_eq!(engine.task_success(&token, json!({})), Err(TokenError::Used));
    // The failure that a token brings.
    engine.start("b", json!({"do": "hand over"})).unwrap();
    handler.called.notified().await;
    let token = handler.token.lock().unwrap().clone().unwrap();
    engine
        .task_failure(&token, TaskError::new("Told", "why"))
        .unwrap();
    assert!(failed("Told", &engine.wait("b").await.unwrap().outcome));
}

#[tokio::test(start_paused = true)]
async fn only_so_many_calls_are_under_way() {
    let settings = EngineSettings {
        concurrent_calls: 7,
        ..settings()
    };
    let (engine, handler) = engine_with(call(), settings);
    for n in 0..100 {
        engine.start(&format!("e{n}"), json!({"do": "slow"})).unwrap();
    }
    engine.idle().await;
    assert_eq!(handler.most.load(Ordering::SeqCst), 7);
    assert_eq!(engine.usage().calls, 100);
}

/// Plays the phases: each job is awaited twice, polled, continued as new once, and reported.
struct Phases {
    engine: WeakEngine,
    turns: Mutex<BTreeMap<String, u64>>,
}

#[async_trait::async_trait]
impl TaskHandler for Phases {
    async fn invoke(&self, function: &str, input: Value) -> Answer {
        let job = input["job"].as_str().unwrap().to_owned();
        let generation = input["generation"].as_u64().unwrap();
        if let Some(token) = input["task_token"].as_str() {
            // Every other callback is lost.
            if input["turn"].as_u64().unwrap().is_multiple_of(2) {
                self.engine
                    .upgrade()
                    .unwrap()
                    .task_success(token, json!({}))
                    .unwrap();
            }
            return Ok(json!(null));
        }
        let turn = {
            let mut turns = self.turns.lock().unwrap();
            let turn = turns.entry(job.clone()).or_default();
            *turn += 1;
            *turn
        };
        let next = match function {
            _ if function == Functions::LOCAL.results => "done",
            _ if turn == 4 => "continue",
            _ if turn == 8 => "results",
            _ if turn.is_multiple_of(2) => "wait",
            _ => "await",
        };
        Ok(
            json!({"job": job, "attempt": 1, "generation": generation, "turn": turn, "next": next,
            "wait_seconds": 30, "next_execution": format!("{job}-1-{}", generation + 1),
            "next_generation": generation + 1}),
        )
    }
}

#[tokio::test(start_paused = true)]
async fn thousands_of_jobs_go_through_checkmills_machine() {
    const JOBS: u64 = 3000;
    let machine = job_machine(&Functions::LOCAL).unwrap();
    let runtime = tokio::runtime::Handle::current();
    let engine = Engine::new(machine, settings(), Box::new(SplitMix64(3)), runtime, |engine| {
        Arc::new(Phases {
            engine,
            turns: Mutex::default(),
        })
    });
    for job in 0..JOBS {
        let input = json!({"job": format!("j{job}"), "attempt": 1, "generation": 0});
        engine.start(&format!("j{job}-1-0"), input).unwrap();
    }
    let mut running = engine.watch_running();
    running
        .wait_for(|running| *running == JOBS as usize)
        .await
        .unwrap();
    engine.idle().await;
    let usage = engine.usage();
    assert_eq!(usage.executions, 2 * JOBS);
    let transitions = |name: &str| engine.ended(name).unwrap().transitions;
    assert_eq!(
        usage.transitions,
        JOBS * (transitions("j7-1-0") + transitions("j7-1-1"))
    );
    for job in 0..JOBS {
        let last = engine.ended(&format!("j{job}-1-1")).unwrap();
        assert_eq!(last.outcome.status(), "SUCCEEDED", "{job}");
    }
    insta::assert_snapshot!(
        [engine.visited("j7-1-0").unwrap().join(" "), engine.visited("j7-1-1").unwrap().join(" ")].join("\n"), @r#"
    Start Decide Await Poll Decide Wait Poll Decide Await Poll Decide Continue Done
    Start Decide Await Poll Decide Wait Poll Decide Await Poll Decide Results Done
    "#
    );
}

#[tokio::test(start_paused = true)]
async fn only_its_own_machine_can_be_started_and_a_taken_name_is_told() {
    let machine = |arn: &str| {
        json!({"StartAt": "A", "States": {
            "A": {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "TimeoutSeconds": 9,
                  "Parameters": {"StateMachineArn": arn, "Name.$": "$.name", "Input": {"name": "no name!"}},
                  "ResultPath": null, "End": true},
        }})
    };
    let (engine, _) = engine_with(machine("arn:aws:states:x:1:stateMachine:other"), settings());
    let other = outcome(&engine, "a", json!({"name": "b"})).await;
    assert!(
        failed("StepFunctions.StateMachineDoesNotExistException", &other),
        "{other:?}"
    );
    let (engine, _) = engine_with(machine(checkmill_asl::job::LOCAL_STATE_MACHINE), settings());
    assert!(failed(
        "StepFunctions.InvalidNameException",
        &outcome(&engine, "a", json!({"name": "no name!"})).await
    ));
    // "a" is ended and remembered.
    let taken = outcome(&engine, "c", json!({"name": "a"})).await;
    assert!(
        failed("StepFunctions.ExecutionAlreadyExistsException", &taken),
        "{taken:?}"
    );
}

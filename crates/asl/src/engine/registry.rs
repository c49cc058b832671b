//! Who runs, who has ended, whose token is whose.

use super::error::{StartError, Started, TokenError};
use super::lock;
use crate::{Event, Execution, Outcome, Visit};
use serde_json::Value;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, watch};

pub(super) struct Registry {
    running: HashMap<Arc<str>, Running>,
    ended: Remembered<Arc<str>, Arc<Ended>>,
    /// Whose task may be answered by it.
    open_tokens: HashMap<String, Arc<str>>,
    used_tokens: Remembered<String, ()>,
}

struct Running {
    input: Value,
    events: mpsc::UnboundedSender<Event>,
    execution: Arc<Mutex<Execution>>,
    token: Option<String>,
    /// Dropped with this entry, which tells those who wait.
    end: watch::Sender<()>,
}

/// An execution that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    pub outcome: Outcome,
    /// As AWS bills them.
    pub transitions: u64,
    visits: Vec<Visit>,
}

/// The latest entries, up to a number.
struct Remembered<K, V> {
    limit: usize,
    entries: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K: Clone + Eq + std::hash::Hash, V> Remembered<K, V> {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            entries: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    fn insert(&mut self, key: K, value: V) {
        if self.entries.insert(key.clone(), value).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > self.limit {
            if let Some(oldest) = self.order.pop_front() {
                self.entries.remove(&oldest);
            }
        }
    }
}

impl Registry {
    pub(super) fn new(remembered: usize) -> Self {
        Self {
            running: HashMap::new(),
            ended: Remembered::new(remembered),
            open_tokens: HashMap::new(),
            used_tokens: Remembered::new(remembered),
        }
    }

    /// What a start of this name would meet; none where the name is free.
    pub(super) fn known(&self, name: &Arc<str>, input: &Value) -> Result<Option<Started>, StartError> {
        match self.running.get(name) {
            Some(running) if running.input == *input => Ok(Some(Started::AlreadyRunning)),
            None if !self.ended.entries.contains_key(name) => Ok(None),
            _ => Err(StartError::AlreadyExists(name.to_string())),
        }
    }

    pub(super) fn insert(
        &mut self,
        name: &Arc<str>,
        input: Value,
        events: mpsc::UnboundedSender<Event>,
        execution: Arc<Mutex<Execution>>,
    ) {
        let running = Running {
            input,
            events,
            execution,
            token: None,
            end: watch::Sender::new(()),
        };
        self.running.insert(Arc::clone(name), running);
    }

    /// Takes note of the token that an execution waits for now; an earlier one of its is used.
    pub(super) fn set_token(&mut self, name: &Arc<str>, token: Option<&str>) {
        let Some(running) = self.running.get_mut(name) else {
            return;
        };
        if running.token.as_deref() == token {
            return;
        }
        let earlier = std::mem::replace(&mut running.token, token.map(str::to_owned));
        if let Some(earlier) = earlier {
            self.open_tokens.remove(&earlier);
            self.used_tokens.insert(earlier, ());
        }
        if let Some(token) = token {
            self.open_tokens.insert(token.to_owned(), Arc::clone(name));
        }
    }

    pub(super) fn finish(&mut self, name: &Arc<str>) {
        self.set_token(name, None);
        let Some(running) = self.running.remove(name) else {
            return;
        };
        let execution = lock(&running.execution);
        if let Some(outcome) = execution.outcome() {
            let ended = Ended {
                outcome: outcome.clone(),
                transitions: execution.transitions(),
                visits: execution.visits().collect(),
            };
            self.ended.insert(Arc::clone(name), Arc::new(ended));
        }
    }

    pub(super) fn send(&self, name: &str, event: Event) -> bool {
        self.running
            .get(name)
            .is_some_and(|running| running.events.send(event).is_ok())
    }

    /// Uses a token up.
    pub(super) fn answer(&mut self, token: &str, event: Event) -> Result<(), TokenError> {
        let name = self.open(token)?;
        self.open_tokens.remove(token);
        self.used_tokens.insert(token.to_owned(), ());
        if self.send(&name, event) {
            Ok(())
        } else {
            Err(TokenError::Used)
        }
    }

    pub(super) fn heartbeat(&self, token: &str) -> Result<(), TokenError> {
        let name = self.open(token)?;
        let sent = self.send(
            &name,
            Event::Heartbeat {
                token: token.to_owned(),
            },
        );
        if sent { Ok(()) } else { Err(TokenError::Used) }
    }

    fn open(&self, token: &str) -> Result<Arc<str>, TokenError> {
        match self.open_tokens.get(token) {
            Some(name) => Ok(Arc::clone(name)),
            None if self.used_tokens.entries.contains_key(token) => Err(TokenError::Used),
            None => Err(TokenError::Unknown),
        }
    }

    pub(super) fn is_running(&self, name: &str) -> bool {
        self.running.contains_key(name)
    }

    pub(super) fn running_count(&self) -> usize {
        self.running.len()
    }

    pub(super) fn running_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.running.keys().map(ToString::to_string).collect();
        names.sort_unstable();
        names
    }

    pub(super) fn ended(&self, name: &str) -> Option<Arc<Ended>> {
        self.ended.entries.get(name).cloned()
    }

    pub(super) fn watch(&self, name: &str) -> Option<watch::Receiver<()>> {
        self.running.get(name).map(|running| running.end.subscribe())
    }

    pub(super) fn visits(&self, name: &str) -> Option<Vec<Visit>> {
        if let Some(running) = self.running.get(name) {
            return Some(lock(&running.execution).visits().collect());
        }
        self.ended.entries.get(name).map(|ended| ended.visits.clone())
    }
}

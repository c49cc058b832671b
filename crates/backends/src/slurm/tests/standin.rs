//! A slurmrestd that keeps jobs in memory and speaks one version of the API, strictly: what that version would not take is
//! refused. The field names and forms are those of the OpenAPI descriptions of 0.0.36 to 0.0.43; `cargo xtask test --only slurm`
//! has the real one for the older half.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(super) const KEY: &[u8] = b"the key of the cluster";

/// What happens to one request that submits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Done, and its answer lost.
    AnswerLost,
    /// Done after the two requests that come next, its answer lost.
    Late,
    /// The same submit by somebody else was done just before.
    Race,
}

#[derive(Debug, Clone)]
pub(super) struct FakeJob {
    pub(super) id: u32,
    pub(super) job: Value,
    pub(super) user: String,
    pub(super) states: Vec<String>,
    /// In wait(2)'s form.
    pub(super) status: i64,
    pub(super) restarts: u32,
    pub(super) comment: String,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) version: u32,
    /// In seconds.
    pub(super) now: u64,
    pub(super) jobs: Vec<FakeJob>,
    pub(super) accounted: Vec<FakeJob>,
    pub(super) faults: VecDeque<Fault>,
    /// A status and body for each next request.
    pub(super) answers: VecDeque<(u16, String)>,
    /// `GET slurm/v0.0.38/jobs`, as they came.
    pub(super) requests: Vec<String>,
    late: Option<(u32, FakeJob)>,
    last_id: u32,
}

pub(super) struct StandIn {
    pub(super) address: SocketAddr,
    pub(super) state: Arc<Mutex<State>>,
}

impl StandIn {
    pub(super) async fn start(version: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            version,
            now: 1_000_000,
            ..State::default()
        }));
        let served = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&served);
                tokio::spawn(async move { serve(stream, &state).await });
            }
        });
        Self { address, state }
    }
}

/// One request on one connection, as slurmrestd has it (`Connection: Close`).
async fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = header(head, "content-length")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        if body.len() >= length {
            break (head.to_owned(), body.to_owned());
        }
    };
    let answer = state.lock().unwrap().answer(&head, &body);
    let Some((status, body)) = answer else { return };
    let text = format!(
        "HTTP/1.1 {status} X\r\nConnection: Close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(text.as_bytes()).await;
}

fn header(head: &str, name: &str) -> Option<String> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

fn problem(number: i64, error: &str) -> String {
    json!({"errors": [{"error_number": number, "error": error, "description": "", "source": "test"}]})
        .to_string()
}

impl State {
    fn is_parsed(&self) -> bool {
        self.version >= 39
    }

    fn answer(&mut self, head: &str, body: &str) -> Option<(u16, String)> {
        let mut words = head.split(' ');
        let (method, path) = (
            words.next().unwrap(),
            words.next().unwrap().trim_start_matches('/'),
        );
        self.requests.push(format!("{method} {path}"));
        if let Some((wait, job)) = self.late.take() {
            match wait {
                0 => self.add(job),
                _ => self.late = Some((wait - 1, job)),
            }
        }
        if let Some(answer) = self.answers.pop_front() {
            return Some(answer);
        }
        let (Some(user), Some(token)) = (
            header(head, "x-slurm-user-name"),
            header(head, "x-slurm-user-token"),
        ) else {
            return Some((401, "Authentication failure".to_owned()));
        };
        if !self.accepts(&token, &user) {
            return Some((500, problem(-1, "Unspecified error")));
        }
        let version = format!("v0.0.{}/", self.version);
        let Some((plugin, rest)) = path
            .split_once('/')
            .and_then(|(plugin, rest)| Some((plugin, rest.strip_prefix(&version)?)))
        else {
            return Some((404, "Unable find requested URL.".to_owned()));
        };
        match (method, plugin, rest) {
            ("GET", "slurm", "ping") => Some((
                200,
                json!({"pings": [{"pinged": "UP", "ping": "UP"}]}).to_string(),
            )),
            ("GET", "slurm", "jobs") => Some((
                200,
                json!({"jobs": self.jobs.iter().map(|job| self.shown(job)).collect::<Vec<_>>()}).to_string(),
            )),
            ("POST", "slurm", "job/submit") => self.submit(&user, &serde_json::from_str(body).unwrap()),
            (_, _, _) => {
                let id: u32 = rest.strip_prefix("job/").unwrap().parse().unwrap();
                Some(self.one(method, plugin, id, &user))
            }
        }
    }

    /// As `auth/jwt` would.
    fn accepts(&self, token: &str, user: &str) -> bool {
        let parts: Vec<_> = token.split('.').collect();
        let [head, claims, signature] = parts[..] else {
            return false;
        };
        let key = hmac::Key::new(hmac::HMAC_SHA256, KEY);
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        if hmac::verify(&key, format!("{head}.{claims}").as_bytes(), &signature).is_err() {
            return false;
        }
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        claims["sun"] == user
            && claims["exp"].as_u64().unwrap() > self.now
            && claims["iat"].as_u64().unwrap() <= self.now
    }

    fn submit(&mut self, user: &str, body: &Value) -> Option<(u16, String)> {
        if let Some(wrong) = self.wrong(body) {
            return Some((400, problem(9001, &wrong)));
        }
        let job = FakeJob {
            id: 0,
            job: body["job"].clone(),
            user: user.to_owned(),
            states: vec!["PENDING".to_owned()],
            status: 0,
            restarts: 0,
            comment: String::new(),
        };
        match self.faults.pop_front() {
            Some(Fault::AnswerLost) => {
                self.add(job);
                None
            }
            Some(Fault::Late) => {
                self.late = Some((1, job));
                None
            }
            Some(Fault::Race) => {
                self.add(job.clone());
                self.add(job);
                Some((200, json!({"job_id": self.last_id}).to_string()))
            }
            None => {
                self.add(job);
                let id = self.last_id;
                let answer = if self.version >= 41 {
                    json!({"result": {"job_id": id}, "job_id": id})
                } else {
                    json!({"job_id": id})
                };
                Some((200, answer.to_string()))
            }
        }
    }

    fn add(&mut self, job: FakeJob) {
        self.last_id += 1;
        self.jobs.push(FakeJob {
            id: self.last_id,
            ..job
        });
    }

    /// What this version does not take.
    fn wrong(&self, body: &Value) -> Option<String> {
        for (name, value) in body["job"].as_object().unwrap() {
            let is_number = if self.is_parsed() {
                value["set"] == true && value["number"].is_u64()
            } else {
                value.is_u64()
            };
            let fits = match name.as_str() {
                "name"
                | "comment"
                | "partition"
                | "account"
                | "qos"
                | "reservation"
                | "constraints"
                | "dependency"
                | "current_working_directory"
                | "standard_output"
                | "standard_error" => value.is_string(),
                "tasks" | "cpus_per_task" | "minimum_nodes" => value.is_u64(),
                "time_limit" | "memory_per_node" => is_number,
                "environment" if self.is_parsed() => value
                    .as_array()
                    .is_some_and(|all| all.iter().all(Value::is_string)),
                "environment" => value.is_object(),
                "deadline" => value.is_u64() == self.is_parsed(),
                "exclusive" if self.is_parsed() => value.is_array(),
                "exclusive" => value == "exclusive",
                "requeue" if self.is_parsed() => value.is_boolean(),
                "tres_per_node" if self.is_parsed() => value.is_string(),
                "no_requeue" | "gres" if !self.is_parsed() => true,
                _ => false,
            };
            if !fits {
                return Some(format!("Unable to process key \"{name}\": {value}"));
            }
        }
        (!body["script"]
            .as_str()
            .is_some_and(|script| script.starts_with("#!")))
        .then(|| "no script".to_owned())
    }

    fn one(&mut self, method: &str, plugin: &str, id: u32, user: &str) -> (u16, String) {
        if plugin == "slurmdb" {
            let jobs: Vec<_> = self
                .accounted
                .iter()
                .filter(|job| job.id == id)
                .map(|job| self.accounted_shown(job))
                .collect();
            return (200, json!({"jobs": jobs}).to_string());
        }
        let Some(at) = self.jobs.iter().position(|job| job.id == id) else {
            return (500, problem(2017, "Invalid job id specified"));
        };
        if method == "GET" {
            return (200, json!({"jobs": [self.shown(&self.jobs[at])]}).to_string());
        }
        if self.jobs[at].user != user {
            return (500, problem(2002, "Access/permission denied"));
        }
        self.jobs[at].states = vec!["CANCELLED".to_owned()];
        (200, json!({"errors": []}).to_string())
    }

    fn number(&self, number: u64) -> Value {
        if self.is_parsed() {
            json!({"set": true, "infinite": false, "number": number})
        } else {
            json!(number)
        }
    }

    fn states(&self, job: &FakeJob) -> Value {
        if self.version >= 40 {
            json!(job.states)
        } else {
            json!(job.states.last())
        }
    }

    fn exit_code(&self, status: i64) -> Value {
        let (code, signal) = (status >> 8, status & 0x7f);
        match self.version {
            ..39 => json!(status),
            39 => {
                json!({"status": "X", "return_code": {"set": true, "infinite": false, "number": code}, "signal": {"signal_id": signal, "name": ""}})
            }
            _ => {
                json!({"status": ["X"], "return_code": {"set": signal == 0, "infinite": false, "number": code},
                "signal": {"id": {"set": signal != 0, "infinite": false, "number": signal}, "name": ""}})
            }
        }
    }

    fn shown(&self, job: &FakeJob) -> Value {
        json!({
            "job_id": job.id, "name": job.job["name"], "user_name": job.user, "job_state": self.states(job),
            "exit_code": self.exit_code(job.status), "submit_time": self.number(u64::from(job.id)),
            "state_reason": "None", "state_description": null, "restart_cnt": job.restarts, "comment": job.comment,
            "array_job_id": self.number(0), "time_limit": self.number(3), "nodes": "",
        })
    }

    fn accounted_shown(&self, job: &FakeJob) -> Value {
        json!({
            "job_id": job.id, "name": job.job["name"], "user": job.user, "exit_code": self.exit_code(job.status),
            "state": {"current": self.states(job), "reason": "None"}, "time": {"submission": job.id}, "restart_cnt": 0,
        })
    }
}

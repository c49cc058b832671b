//! The paths of the service and what they take.

use super::{DISK, Received, Shared, State, TOKEN, TYPES, Vm, disk, locked};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// An argument of a program on Linux (`MAX_ARG_STRLEN`): the code is one of ssh's shell.
const CODE_BYTES: usize = 128 * 1024;
/// Where a client says only `timeout_seconds`, which the service does not read.
const DEFAULT_TIMEOUT_MS: u64 = 5_000;

/// The status of what is no request of this service.
pub(super) const NO_REQUEST: u16 = 422;

type Answer = (u16, Value);

fn problem(status: u16, error: &str) -> Answer {
    (status, json!({"error": error}))
}

pub(super) async fn answer(shared: &Shared, received: &Received) -> Answer {
    if received.authorization.as_deref() != Some(&format!("Bearer {TOKEN}")) {
        return problem(401, "Invalid or missing token");
    }
    let path: Vec<&str> = received.path.trim_matches('/').split('/').collect();
    match (received.method.as_str(), path.as_slice()) {
        ("GET", ["api", "vms"]) => list(&mut locked(&shared.state)),
        ("POST", ["api", "vms"]) => match object(received, &["vm_type", "vm_name"]) {
            Ok(body) => create(&mut locked(&shared.state), &body),
            Err(refusal) => refusal,
        },
        ("GET", ["api", "vms", id]) => match locked(&shared.state).look(id) {
            Some(vm) => (200, vm),
            None => problem(404, "VM not found"),
        },
        ("DELETE", ["api", "vms", id]) => delete(shared, id),
        ("POST", ["api", "llm", "execute"]) => match object(received, &EXECUTE) {
            Ok(body) => execute(shared, &body).await,
            Err(refusal) => refusal,
        },
        _ => problem(404, "Not found"),
    }
}

/// What clients were seen to send, and `timeout_ms`, which the service reads.
const EXECUTE: [&str; 7] = [
    "agent_id",
    "language",
    "code",
    "vm_id",
    "timeout_seconds",
    "timeout_ms",
    "working_dir",
];

fn object(received: &Received, fields: &[&str]) -> Result<Map<String, Value>, Answer> {
    let Ok(Value::Object(body)) = serde_json::from_slice(&received.body) else {
        return Err(problem(NO_REQUEST, "the body is no JSON object"));
    };
    match body.keys().find(|name| !fields.contains(&name.as_str())) {
        Some(name) => Err(problem(NO_REQUEST, &format!("unknown field {name}"))),
        None => Ok(body),
    }
}

fn text<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    body.get(name)?.as_str().filter(|text| !text.is_empty())
}

impl State {
    /// A VM as it is shown, and one look further on its way.
    fn look(&mut self, id: &str) -> Option<Value> {
        let looks_to_boot = self.options.looks_to_boot;
        let vm = self.vms.get_mut(id)?;
        vm.looks = vm.looks.saturating_add(1);
        if vm.status == "Creating" && vm.looks >= looks_to_boot {
            vm.status = "running";
        }
        Some(shown(vm))
    }
}

fn shown(vm: &Vm) -> Value {
    let created = format!(
        "2026-01-01T{:02}:{:02}:{:02}Z",
        vm.created / 3600,
        vm.created / 60 % 60,
        vm.created % 60
    );
    json!({
        "id": vm.id, "name": vm.name, "status": vm.status, "vm_type": vm.vm_type, "created_at": created,
    })
}

fn list(state: &mut State) -> Answer {
    let ids: Vec<String> = state.vms.keys().cloned().collect();
    let vms: Vec<Value> = ids.iter().filter_map(|id| state.look(id)).collect();
    let usage =
        json!({"current_vms": vms.len(), "max_vms": state.options.max_vms, "memory_mb": 512 * vms.len()});
    let body = json!({
        "user": "checkmill", "tiers": ["demo"], "total": vms.len(), "usage": usage, "vms": vms,
    });
    (200, body)
}

fn create(state: &mut State, body: &Map<String, Value>) -> Answer {
    let (Some(vm_type), Some(name)) = (text(body, "vm_type"), text(body, "vm_name")) else {
        return problem(NO_REQUEST, "vm_type and vm_name are wanted");
    };
    if !TYPES.contains(&vm_type) {
        return problem(400, &format!("Unknown VM type: {vm_type}"));
    }
    if state.vms.len() >= state.options.max_vms {
        return problem(429, "VM limit of the tier reached");
    }
    (201, shown(state.make(name, vm_type)))
}

fn delete(shared: &Shared, id: &str) -> Answer {
    if locked(&shared.state).vms.remove(id).is_none() {
        return problem(404, "VM not found");
    }
    let disk = shared.disk(id);
    disk::kill(&disk);
    disk::remove(&disk);
    (200, json!({"message": "VM deleted"}))
}

async fn execute(shared: &Shared, body: &Map<String, Value>) -> Answer {
    let (Some(_), Some("bash"), Some(code), Some(id)) = (
        text(body, "agent_id"),
        text(body, "language"),
        text(body, "code"),
        text(body, "vm_id"),
    ) else {
        return problem(NO_REQUEST, "agent_id, language bash, code and vm_id are wanted");
    };
    if code.len() >= CODE_BYTES {
        return problem(NO_REQUEST, "Argument list too long");
    }
    let timeout = body
        .get("timeout_ms")
        .map_or(Some(DEFAULT_TIMEOUT_MS), Value::as_u64);
    let Some(timeout) = timeout else {
        return problem(NO_REQUEST, "timeout_ms is a number");
    };
    {
        let mut state = locked(&shared.state);
        let Some(vm) = state.vms.get_mut(id) else {
            return problem(404, "VM not found");
        };
        if vm.status != "running" {
            return problem(400, &format!("VM {id} is not running"));
        }
        if vm.hangs || vm.refused_calls > 0 {
            vm.refused_calls = vm.refused_calls.saturating_sub(1);
            return problem(500, "SSH: connect to host 172.26.0.2 port 22: Connection refused");
        }
    }
    let disk = shared.disk(id);
    let code = code.replace(DISK, &disk.display().to_string());
    match disk::run(&disk, &code, Duration::from_millis(timeout)).await {
        Ok(ran) => (
            200,
            json!({
                "execution_id": "exec-1", "vm_id": id, "exit_code": ran.code, "stdout": ran.stdout, "stderr": ran.stderr,
                "duration_ms": 113, "started_at": "2026-01-01T00:00:00Z", "completed_at": "2026-01-01T00:00:00Z", "error": null,
            }),
        ),
        Err(error) => problem(500, &error),
    }
}

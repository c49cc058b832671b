//! fcctl-web's answers. Its source is not public: unknown fields, states and more are taken as they come.

use super::id::VmId;
use serde::Deserialize;
use serde_json::Value;

/// The answer to `GET /api/vms`.
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    vms: Vec<Value>,
    #[serde(default)]
    usage: Usage,
}

/// How many VMs the account has, and may have.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Usage {
    current_vms: Option<u64>,
    max_vms: Option<u64>,
}

impl Listed {
    /// Those that can be read. One that can't must not hide the others.
    pub(super) fn vms(&self) -> Vec<Vm> {
        let read = |vm: &Value| {
            let vm = Vm::deserialize(vm).ok();
            if vm.is_none() {
                tracing::warn!("a VM in the service's list is not understood");
            }
            vm
        };
        self.vms.iter().filter_map(read).collect()
    }

    /// Why no further VM can be had, where that is known before it is asked for.
    pub(super) fn full(&self) -> Option<String> {
        let (Some(current), Some(max)) = (self.usage.current_vms, self.usage.max_vms) else {
            return None;
        };
        (current >= max).then(|| format!("its account has {current} VMs of the {max} that it may have"))
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Vm {
    #[serde(deserialize_with = "vm_id")]
    pub(super) id: VmId,
    #[serde(default, alias = "vm_name")]
    pub(super) name: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    created_at: Value,
}

fn vm_id<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<VmId, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse()
        .map_err(|()| serde::de::Error::custom("it is no id of a VM"))
}

/// What a VM's state means for us. The service's own words are in no order and no case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not running yet, or something that we don't know.
    Coming,
    Running,
    /// It won't run again by itself, and is still there.
    Dead,
    /// It is being removed.
    Gone,
}

impl Vm {
    pub(super) fn stage(&self) -> Stage {
        match self.status.to_lowercase().as_str() {
            "running" | "ready" => Stage::Running,
            "stopped" | "failed" | "error" | "crashed" | "shutdown" | "exited" => Stage::Dead,
            "deleting" | "deleted" | "destroyed" | "terminated" => Stage::Gone,
            _ => Stage::Coming,
        }
    }

    pub(super) fn status(&self) -> &str {
        if self.status.is_empty() {
            "in no state"
        } else {
            &self.status
        }
    }

    /// Of several VMs with one name the one that was made first counts, for whoever looks.
    pub(super) fn order(&self) -> (String, VmId) {
        (self.created_at.to_string(), self.id.clone())
    }
}

/// The answer to `POST /api/llm/execute`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Executed {
    pub(super) exit_code: Option<i64>,
    pub(super) stdout: Option<String>,
    pub(super) stderr: Option<String>,
    pub(super) error: Option<String>,
}

/// A refusal, in whichever of these fields it says why.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    error: Value,
    message: Value,
    detail: Value,
}

impl Problem {
    pub(super) fn text(&self) -> Option<&str> {
        let texts = [&self.error, &self.message, &self.detail];
        texts
            .into_iter()
            .filter_map(Value::as_str)
            .find(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_is_read_around_what_is_strange() {
        let listed = json!({
            "user": "ann", "tiers": [], "total": 4, "usage": {"current_vms": 1, "max_vms": 1, "memory_mb": 512},
            "vms": [
                {"id": "vm-6bbc0036", "name": "a", "status": "Creating", "vm_type": "focal", "created_at": "2026-01-02T03:04:05Z"},
                {"id": "../x", "name": "b", "status": "running"},
                "nothing",
                {"id": "vm-7", "vm_name": "c", "status": "RUNNING", "created_at": 7, "ip": "10.0.0.2"},
            ],
        });
        let listed = Listed::deserialize(listed).unwrap();
        let vms: Vec<_> = listed
            .vms()
            .iter()
            .map(|vm| (vm.id.to_string(), vm.name.clone(), vm.stage()))
            .collect();
        let own = str::to_owned;
        assert_eq!(
            vms,
            [
                (own("vm-6bbc0036"), own("a"), Stage::Coming),
                (own("vm-7"), own("c"), Stage::Running)
            ]
        );
        assert_eq!(
            listed.full().unwrap(),
            "its account has 1 VMs of the 1 that it may have"
        );
        assert!(Listed::deserialize(json!({"vms": []})).unwrap().full().is_none());
        // Half an answer must not pass for one without our VM.
        assert!(Listed::deserialize(json!({"total": 0})).is_err());
    }

    #[test]
    fn a_problem_is_where_it_is_said() {
        for (body, text) in [
            (json!({"error": "no"}), Some("no")),
            (json!({"message": "no"}), Some("no")),
            (json!({"error": {"code": 1}, "detail": "no"}), Some("no")),
            (json!({}), None),
        ] {
            assert_eq!(Problem::deserialize(body).unwrap().text(), text);
        }
    }
}

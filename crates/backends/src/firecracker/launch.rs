//! A submit: finding or making the job's VM, waiting until it can be reached, starting the agent in it.

use super::client::Fault;
use super::guest::{Code, NoAnswer};
use super::id::{JobVm, VmId, key_of};
use super::wire::{Stage, Vm};
use super::{Inner, Look, of};
use crate::exec::protocol::Submitted;
use crate::port::{Submission, SubmitKey};
use checkmill_workflow::job::{JobDescription, is_secret_variable};
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks at a VM that boots, first and at the most: one takes 125 ms where it is quick. The service's own clients look
/// every 500 ms.
const LOOK_PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(500)];
/// Between two tries to reach a VM that runs: its sshd comes later.
const REACH_PAUSE: Duration = Duration::from_secs(1);

/// How a VM stands that a submit has waited for.
enum Waited {
    Running,
    /// It will not run. Its id is the job's all the same: the next poll says so, and nothing is started twice.
    Dead,
}

impl Inner {
    pub(super) async fn submit(&self, submission: &Submission) -> Result<String, Fault> {
        let vm_type = self.vm_type(submission)?.to_owned();
        let code = self.guest().submit(submission).map_err(Fault::Refused)?;
        let key = &submission.key;
        let until = Instant::now() + Duration::from_millis(self.settings.wait.0);
        let (listed, vms) = self.list_vms().await?;
        let vm = match self.first(key, of(key, vms)).await? {
            Some(found) => found,
            None => {
                if let Some(full) = listed.full() {
                    return Err(Fault::Transient(full));
                }
                let made = self.client.create(&self.settings, &vm_type, key).await?;
                match self.made(key, &made, until).await {
                    // Somebody has taken it for one too many.
                    Ok(()) | Err(Fault::Gone) => {}
                    Err(fault) => return Err(fault),
                }
                // Somebody may have made one at the same time, or an answer before this was lost.
                let vms = self.vms_of(key).await?;
                if vms.is_empty() {
                    self.delete(&made.id).await?;
                    return Err(Fault::Transient(format!(
                        "it does not list the VM {} under the name that it was made with",
                        made.id
                    )));
                }
                self.first(key, vms).await?.unwrap_or(made)
            }
        };
        let id = JobVm {
            vm: vm.id.clone(),
            key: key.clone(),
        };
        if let Waited::Running = self.running(&vm, until).await? {
            self.start(&vm.id, key, &code, until).await?;
        }
        Ok(id.to_string())
    }

    fn vm_type(&self, submission: &Submission) -> Result<&str, Fault> {
        let description: JobDescription = serde_json::from_slice(&submission.description)
            .map_err(|error| Fault::Refused(format!("the job's description is none: {error}")))?;
        let mut names = submission.secrets.iter().map(|(name, _)| name);
        if let Some(name) = names.find(|name| !is_secret_variable(name)) {
            return Err(Fault::Refused(format!("{name} is no variable for a secret")));
        }
        let repository = &description.checkout.repository;
        Ok(self.settings.vm_type_of(&submission.labels, repository))
    }

    /// Waits for a VM that was just made: whoever else has made one has it in the list by then.
    async fn made(&self, key: &SubmitKey, vm: &Vm, until: Instant) -> Result<(), Fault> {
        if !vm.name.is_empty() && key_of(&vm.name).as_ref() != Some(key) {
            self.delete(&vm.id).await?;
            return Err(Fault::Refused(format!(
                "it names a VM {:?} that was to have the job's key for its name",
                vm.name
            )));
        }
        self.running(vm, until).await.map(|_| ())
    }

    /// The VM that counts: the one that has the job, or else the first. The others are deleted.
    async fn first(&self, key: &SubmitKey, vms: Vec<Vm>) -> Result<Option<Vm>, Fault> {
        let chosen = if vms.len() > 1 {
            self.with_job(key, &vms).await?.unwrap_or(0)
        } else {
            0
        };
        let mut first = None;
        for (index, vm) in vms.into_iter().enumerate() {
            if index == chosen {
                first = Some(vm);
            } else {
                tracing::warn!(backend = %self.settings.name, vm = %vm.id, %key, "a second VM of one key is deleted");
                self.delete(&vm.id).await?;
            }
        }
        Ok(first)
    }

    /// Which of several VMs has the job.
    ///
    /// # Errors
    /// None of them says so, and one that can't be asked may have it: it must not be deleted, nor the job started again.
    async fn with_job(&self, key: &SubmitKey, vms: &[Vm]) -> Result<Option<usize>, Fault> {
        let mut silent = None;
        for (index, vm) in vms.iter().enumerate() {
            if vm.stage() != Stage::Running {
                continue;
            }
            match self.look(&vm.id, key).await {
                Ok(Look::Job(_)) => return Ok(Some(index)),
                Ok(Look::Unreachable(_)) if self.is_given_up(&vm.id) => {}
                Ok(Look::Unreachable(detail)) => silent = Some(detail),
                Ok(Look::Empty | Look::Gone | Look::Dead(_)) => {}
                Err(Fault::Guest(NoAnswer::Transient(detail) | NoAnswer::Refused(detail))) => {
                    silent = Some(detail);
                }
                Err(fault) => return Err(fault),
            }
        }
        silent.map_or(Ok(None), |detail| Err(Fault::Transient(detail)))
    }

    /// Waits until a VM runs.
    async fn running(&self, vm: &Vm, until: Instant) -> Result<Waited, Fault> {
        let id = &vm.id;
        let mut stage = vm.stage();
        let mut status = vm.status().to_owned();
        let [mut pause, longest] = LOOK_PAUSES;
        loop {
            match stage {
                Stage::Running => return Ok(Waited::Running),
                Stage::Dead => return Ok(Waited::Dead),
                Stage::Gone => return Err(Fault::Gone),
                Stage::Coming => {
                    self.keep_waiting(id, until, &format!("it is {status}")).await?;
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(longest);
                    let vm = self.client.vm(&self.settings, id).await?;
                    (stage, status) = (vm.stage(), vm.status().to_owned());
                }
            }
        }
    }

    /// Has the agent take the job, as soon as the VM can be reached. The agent starts nothing twice.
    async fn start(&self, vm: &VmId, key: &SubmitKey, code: &Code, until: Instant) -> Result<(), Fault> {
        loop {
            match self.run::<Submitted>(vm, key, code).await {
                Ok(Submitted { id }) if id == key.to_string() => return Ok(()),
                Ok(Submitted { id }) => {
                    return Err(Fault::Refused(format!(
                        "its agent took the job for another: {id:?}"
                    )));
                }
                // It died with the job in it, or before: nobody knows.
                Err(Fault::Dead(_)) => return Ok(()),
                Err(Fault::Unreachable(detail)) => {
                    self.keep_waiting(vm, until, &detail).await?;
                    tokio::time::sleep(REACH_PAUSE).await;
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Whether to wait for a VM a little more. One that could not be reached for the time of a boot is deleted: the next submit
    /// makes another.
    async fn keep_waiting(&self, vm: &VmId, until: Instant, why: &str) -> Result<(), Fault> {
        if self.is_given_up(vm) {
            self.delete(vm).await?;
            let seconds = self.settings.boot.as_secs_ceil();
            return Err(Fault::Transient(format!(
                "its VM {vm} was not there after {seconds} s and is deleted: {why}"
            )));
        }
        if Instant::now() >= until {
            return Err(Fault::Transient(format!("its VM {vm} is not there yet: {why}")));
        }
        Ok(())
    }
}

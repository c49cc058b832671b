//! A job's id: the VM's, which saves a look at the list for each poll, and the key, by whose name all VMs of the job are found.

use crate::port::SubmitKey;
use std::fmt;
use std::str::FromStr;

/// Before the key, in a VM's name.
const NAME: &str = "checkmill-";
const VM_CHARS: usize = 128;

/// A VM's id as the service gave it. It stands in paths of requests, so that no other characters are taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct VmId(String);

impl FromStr for VmId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_id =
            !text.is_empty() && text.len() <= VM_CHARS && !text.starts_with('.') && text.chars().all(fits);
        is_id.then(|| Self(text.to_owned())).ok_or(())
    }
}

impl fmt::Display for VmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JobVm {
    pub(super) vm: VmId,
    pub(super) key: SubmitKey,
}

impl fmt::Display for JobVm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.vm, self.key)
    }
}

impl FromStr for JobVm {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (vm, key) = text.split_once(':').ok_or(())?;
        Ok(Self {
            vm: vm.parse()?,
            key: exactly(key)?,
        })
    }
}

/// No other spelling of a key is one: it is compared as text.
fn exactly(text: &str) -> Result<SubmitKey, ()> {
    let key: SubmitKey = text.parse()?;
    if key.to_string() == text { Ok(key) } else { Err(()) }
}

pub(super) fn name_of(key: &SubmitKey) -> String {
    format!("{NAME}{key}")
}

/// The key that a VM carries in its name; none of a VM that is not ours.
pub(super) fn key_of(name: &str) -> Option<SubmitKey> {
    exactly(name.strip_prefix(NAME)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let text = "vm-6bbc0036:0a1b2c3d-0123456789abcdef-01234567-1";
        assert_eq!(text.parse::<JobVm>().unwrap().to_string(), text);
        for wrong in [
            "",
            "vm-6bbc0036",
            "vm-6bbc0036:../x",
            ":0a1b2c3d-0123456789abcdef-01234567-1",
            "a/b:0a1b2c3d-0123456789abcdef-01234567-1",
            "..:0a1b2c3d-0123456789abcdef-01234567-1",
            "a?b:0a1b2c3d-0123456789abcdef-01234567-1",
            "vm-6bbc0036:0a1b2c3d-0123456789abcdef-01234567-01",
        ] {
            assert!(wrong.parse::<JobVm>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_says_whose_vm_it_is() {
        let key: SubmitKey = "0a1b2c3d-0123456789abcdef-01234567-1".parse().unwrap();
        assert_eq!(key_of(&name_of(&key)), Some(key));
        for other in [
            "github-runner-6bbc0036",
            "checkmill-",
            "checkmill-of-somebody",
            "",
        ] {
            assert_eq!(key_of(other), None, "{other}");
        }
    }
}

//! A job's name on Lightning, which finds it again, and its id here.
//!
//! The name is the tag: the key, and how long the job may wait for a machine, which nothing else keeps. What follows the last `s`
//! is the service's: it changes a name that is taken.

use crate::port::SubmitKey;
use checkmill_core::Millis;
use std::fmt;
use std::str::FromStr;

/// Before the key in the name of each job of ours.
pub(super) const PREFIX: &str = "checkmill-";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JobName {
    pub(super) key: SubmitKey,
    /// In whole seconds.
    pub(super) queue_timeout: Millis,
    /// What the service has put behind a name that was taken.
    pub(super) suffix: String,
}

impl JobName {
    pub(super) fn new(key: &SubmitKey, queue_timeout: Millis) -> Self {
        Self {
            key: key.clone(),
            queue_timeout: Millis::from_secs(queue_timeout.as_secs_ceil()),
            suffix: String::new(),
        }
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.queue_timeout.as_secs_ceil();
        write!(f, "{PREFIX}{}-q{seconds}s{}", self.key, self.suffix)
    }
}

impl FromStr for JobName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.strip_prefix(PREFIX).ok_or(())?;
        let (key, rest) = text.split_once("-q").ok_or(())?;
        let (seconds, suffix) = rest.split_once('s').ok_or(())?;
        Ok(Self {
            key: key.parse()?,
            queue_timeout: Millis::from_secs(seconds.parse::<u32>().map_err(|_| ())?.into()),
            suffix: suffix.to_owned(),
        })
    }
}

/// Lightning's own id, and the key: a job of another name that has the id is another job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LightningId {
    pub(super) job: String,
    pub(super) key: SubmitKey,
}

impl fmt::Display for LightningId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.job, self.key)
    }
}

impl FromStr for LightningId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (job, key) = text.split_once(':').ok_or(())?;
        let is_id = !job.is_empty()
            && job
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if !is_id {
            return Err(());
        }
        Ok(Self {
            job: job.to_owned(),
            key: key.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0a1b2c3d-0123456789abcdef-01234567-1";

    #[test]
    fn names_and_ids_are_read_as_they_are_written() {
        for suffix in ["", "-2", " (1)", "2"] {
            let name = format!("checkmill-{KEY}-q90s{suffix}");
            let parsed: JobName = name.parse().unwrap();
            assert_eq!(parsed.to_string(), name);
            assert_eq!(
                (parsed.suffix.as_str(), parsed.queue_timeout),
                (suffix, Millis::from_secs(90))
            );
        }
        let longest = JobName::new(&KEY.parse().unwrap(), Millis::from_minutes(5 * 24 * 60));
        assert!(longest.to_string().len() <= 63, "a label of a host name");
        let id = format!("job_01:{KEY}");
        assert_eq!(id.parse::<LightningId>().unwrap().to_string(), id);
        for wrong in ["", "x", KEY, &format!(":{KEY}"), &format!("a/b:{KEY}"), "a:b"] {
            assert!(wrong.parse::<LightningId>().is_err(), "{wrong}");
        }
        for wrong in [
            "checkmill-of-ann",
            "train",
            &format!("checkmill-{KEY}"),
            &format!("checkmill-{KEY}-qs"),
        ] {
            assert!(wrong.parse::<JobName>().is_err(), "{wrong}");
        }
    }
}

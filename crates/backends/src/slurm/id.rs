//! A job's id: Slurm's number, the user, and the key. The number alone would be another job's once the numbers begin anew, or
//! the controller has lost its state; and a cancel is made as the job's user.

use crate::port::SubmitKey;
use std::fmt;
use std::str::FromStr;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SlurmId {
    pub(super) number: u32,
    pub(super) user: String,
    pub(super) key: SubmitKey,
}

impl fmt::Display for SlurmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.number, self.user, self.key)
    }
}

impl FromStr for SlurmId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (number, rest) = text.split_once(':').ok_or(())?;
        let (user, key) = rest.split_once(':').ok_or(())?;
        let parsed: SubmitKey = key.parse()?;
        // The key names a directory: no other spelling of it is taken.
        if parsed.to_string() != key || user.is_empty() {
            return Err(());
        }
        Ok(Self {
            number: number.parse().map_err(|_| ())?,
            user: user.to_owned(),
            key: parsed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let text = "7:ci:0a1b2c3d-0123456789abcdef-01234567-1";
        assert_eq!(text.parse::<SlurmId>().unwrap().to_string(), text);
        for wrong in [
            "",
            "7",
            "7:ci:../x",
            "x:ci:0a1b2c3d-0123456789abcdef-01234567-1",
            "7::0a1b2c3d-0123456789abcdef-01234567-1",
            "7:ci:0a1b2c3d-0123456789abcdef-01234567-01",
        ] {
            assert!(wrong.parse::<SlurmId>().is_err(), "{wrong}");
        }
    }
}

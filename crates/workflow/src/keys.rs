//! The keys of the files: what is known, and what is done about each. The readers and the documentation go by these tables.

/// A mapping with fixed keys.
pub struct Keys {
    /// Where such a mapping stands, as the documentation writes it; empty for the file itself.
    pub path: &'static str,
    /// What such a key is called in messages.
    pub noun: &'static str,
    pub keys: &'static [Key],
}

/// A key of such a mapping.
pub struct Key {
    pub name: &'static str,
    pub support: Support,
}

/// What is done about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    Full,
    /// It works but for what the sentence says.
    Partly(&'static str),
    /// Accepted and checked; the sentence says why nothing follows from it.
    NoEffect(&'static str),
    /// GitHub has it, this version doesn't: an error. The sentence says what to do.
    Refused(&'static str),
}

impl Keys {
    pub(crate) fn find(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The names that may be used.
    pub(crate) fn usable(&self) -> impl Iterator<Item = &'static str> {
        self.keys
            .iter()
            .filter(|key| !matches!(key.support, Support::Refused(_)))
            .map(|key| key.name)
    }

    /// The path of one of the keys, such as `jobs.<job_id>.needs`.
    #[must_use]
    pub fn path_of(&self, key: &Key) -> String {
        if self.path.is_empty() {
            key.name.to_owned()
        } else {
            format!("{}.{}", self.path, key.name)
        }
    }
}

/// A key that works.
pub(crate) const fn full(name: &'static str) -> Key {
    Key {
        name,
        support: Support::Full,
    }
}

pub(crate) const fn partly(name: &'static str, how: &'static str) -> Key {
    Key {
        name,
        support: Support::Partly(how),
    }
}

pub(crate) const fn no_effect(name: &'static str, why: &'static str) -> Key {
    Key {
        name,
        support: Support::NoEffect(why),
    }
}

pub(crate) const fn refused(name: &'static str, instead: &'static str) -> Key {
    Key {
        name,
        support: Support::Refused(instead),
    }
}

//! Every key of the language, and what is done about it.

use crate::keys::{Keys, full, no_effect};

/// All mappings with fixed keys, for the documentation.
pub(crate) const ALL: [&Keys; 4] = [&FILE, &EVENTS, &EVENT, &PARAMETRIZE];

pub(super) const FILE: Keys = Keys {
    path: "",
    noun: "key",
    keys: &[
        full("name"),
        full("trigger"),
        full("parametrize"),
        full("image"),
        full("machine"),
        full("interruptible"),
        full("timeout"),
        full("mode"),
        full("env"),
        full("run"),
    ],
};

pub(super) const EVENTS: Keys = Keys {
    path: "trigger",
    noun: "event",
    keys: &[
        full("push"),
        full("pull_request"),
        full("workflow_dispatch"),
        no_effect("check_run", "a check that is re-requested always runs again"),
    ],
};

pub(super) const EVENT: Keys = Keys {
    path: "trigger.<event>",
    noun: "key",
    keys: &[full("branches")],
};

pub(super) const PARAMETRIZE: Keys = Keys {
    path: "parametrize",
    noun: "key",
    keys: &[full("matrix"), full("include"), full("exclude")],
};

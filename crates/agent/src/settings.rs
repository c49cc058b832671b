//! What the agent takes from its surroundings. The only module that looks at the process's environment.

use crate::environment::Variables;
use crate::secrets::Secrets;
use std::ffi::OsString;

/// Read once, at the start.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    pub secrets: Secrets,
    /// What steps begin with.
    pub environment: Variables,
}

impl Settings {
    /// Of this process. Variables that are no UTF-8 are left out: expressions can't hold them.
    #[must_use]
    pub fn from_process() -> Self {
        let variables = std::env::vars_os();
        let text = |text: OsString| text.into_string().ok();
        let variables = variables
            .filter_map(|(name, value)| Some((text(name)?, text(value)?)))
            .collect();
        let (secrets, environment) = Secrets::split(variables);
        Self { secrets, environment }
    }
}

//! Variables of this machine that jobs get: those that the operator names, and none of our own settings.

use checkmill_github::settings;
use clap::Args;

/// Of our settings, and of the agent's.
const OUR_PREFIX: &str = "CHECKMILL_";

#[derive(Debug, Args)]
pub(crate) struct PassedVariables {
    /// A variable of this program's environment that jobs get too, such as JAVA_HOME; may be given several times. All jobs
    /// see it: name no secret.
    #[arg(
        id = "pass_env",
        long = "pass-env",
        value_name = "NAME",
        env = "CHECKMILL_PASS_ENV",
        value_delimiter = ',',
        value_parser = name
    )]
    pub(crate) names: Vec<String>,
}

/// # Errors
/// What is not a variable's name, and the names of our own settings.
fn name(text: &str) -> Result<String, String> {
    let text = text.trim();
    // An empty list in the environment.
    if text.is_empty() {
        return Ok(String::new());
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !text.chars().all(is_plain) || text.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("expected the name of a variable, such as JAVA_HOME".to_owned());
    }
    if text.starts_with(OUR_PREFIX) || settings::is_of_the_app(text) {
        return Err("it is a setting of Checkmill, which no job may see".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn our_own_settings_are_not_passed_on() {
        for ours in [
            "GH_PRIVATE_KEY",
            "PRIVATE_KEY",
            "PRIVATE_KEY_PATH",
            "GH_WEBHOOK_SECRET",
            "WEBHOOK_SECRET_PREVIOUS",
            "CHECKMILL_DATA",
            "CHECKMILL_SECRET_X",
        ] {
            assert!(
                name(ours).unwrap_err().contains("a setting of Checkmill"),
                "{ours}"
            );
        }
        for wrong in ["JAVA HOME", "A=B", "1A", "Ä", "-"] {
            assert!(
                name(wrong).unwrap_err().contains("the name of a variable"),
                "{wrong}"
            );
        }
        for (given, expected) in [("JAVA_HOME", "JAVA_HOME"), (" _x1 ", "_x1"), ("", "")] {
            assert_eq!(name(given).as_deref(), Ok(expected));
        }
    }
}

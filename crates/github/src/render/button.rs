//! The buttons of a check. GitHub docs, "Create a check run": at most 3; label 20, description 40, identifier 20 characters.

use checkmill_core::event::ButtonAction;

/// What GitHub shows for a button, and sends back when it is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Button {
    pub label: &'static str,
    pub description: &'static str,
    pub identifier: &'static str,
}

#[must_use]
pub const fn button(action: ButtonAction) -> Button {
    let (label, description) = match action {
        ButtonAction::Approve => ("Approve and run", "Run this commit of a fork, once"),
        ButtonAction::Cancel => ("Cancel", "Stop this job"),
    };
    Button {
        label,
        description,
        identifier: action.identifier(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buttons_keep_githubs_limits() {
        for action in [ButtonAction::Approve, ButtonAction::Cancel] {
            let button = button(action);
            assert!((1..=20).contains(&button.label.len()), "{button:?}");
            assert!((1..=40).contains(&button.description.len()), "{button:?}");
            assert!((1..=20).contains(&button.identifier.len()), "{button:?}");
            assert_eq!(ButtonAction::from_identifier(button.identifier), Some(action));
        }
    }
}

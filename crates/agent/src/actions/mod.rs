//! Actions that are not built in: getting their repositories, reading their files, filling their inputs.

pub mod fetch;
pub mod inputs;
pub mod place;

use checkmill_workflow::manifest::ActionManifest;
use checkmill_workflow::uses::ActionReference;
use place::Place;

/// An action that is there and was understood.
#[derive(Debug)]
pub struct Loaded {
    pub reference: ActionReference,
    pub place: Place,
    pub manifest: ActionManifest,
}

impl Loaded {
    /// Reads the action in this place.
    ///
    /// # Errors
    /// No file of an action there, or one that is wrong; a sentence without its full stop.
    pub fn read(reference: ActionReference, place: Place) -> Result<Self, String> {
        let manifest = place.manifest(&reference.to_string())?;
        Ok(Self {
            reference,
            place,
            manifest,
        })
    }

    /// `github.action_repository`: where it was downloaded from; empty for an action of the workspace.
    #[must_use]
    pub fn repository(&self) -> String {
        match &self.reference {
            ActionReference::Repository(action) => action.repository(),
            _ => String::new(),
        }
    }

    /// `github.action_ref`.
    #[must_use]
    pub fn git_ref(&self) -> &str {
        match &self.reference {
            ActionReference::Repository(action) => &action.git_ref,
            _ => "",
        }
    }
}

/// Why an action can't be used.
#[derive(Debug)]
pub enum ActionFault {
    /// It isn't there, isn't allowed or isn't right; a sentence without its full stop.
    Configuration(String),
    Infrastructure(String),
    Ended(crate::exec::Ended),
}

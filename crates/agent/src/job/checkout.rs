//! A step of `actions/checkout`.

use super::JobRunner;
use super::fault::Fault;
use super::step::{Outcome, Running};
use crate::checkout::options::Options;
use crate::checkout::{Checkout, CheckoutFault};
use std::collections::BTreeMap;

impl JobRunner<'_> {
    pub(super) async fn checkout(
        &mut self,
        running: &Running<'_>,
        with: &BTreeMap<String, String>,
    ) -> Outcome {
        let source = &self.description.checkout;
        let options = match Options::parse(with, source) {
            Ok(options) => options,
            Err(problem) => return Fault::Configuration(problem).into(),
        };
        let surroundings = self.surroundings;
        let token = options.token.as_deref().or(surroundings.secrets.job_token());
        let git = self.git(
            &source.clone_url,
            token,
            running.env,
            running.deadline,
            running.goes_on,
        );
        let git = match git {
            Ok(git) => git,
            Err(problem) => return Fault::Infrastructure(problem).into(),
        };
        let checkout = Checkout {
            source,
            options: &options,
            workspace: &surroundings.layout.workspace,
            git,
        };
        match checkout.run(self.log).await {
            Ok(done) => {
                self.credentials.extend(done.credentials);
                self.reports.checked_out(&options.path);
                self.log.text(&format!("Checked out {}.", done.commit));
                let outputs = vec![
                    ("ref".to_owned(), done.git_ref),
                    ("commit".to_owned(), done.commit),
                ];
                Outcome {
                    outputs,
                    ..Outcome::default()
                }
            }
            Err(CheckoutFault::Configuration(problem)) => Fault::Configuration(problem).into(),
            Err(CheckoutFault::Infrastructure(problem)) => Fault::Infrastructure(problem).into(),
            Err(CheckoutFault::Ended(ended)) => Outcome {
                fault: running.fault(ended),
                ..Outcome::default()
            },
        }
    }
}

//! Which actions of its own repository a file uses.

use crate::source::Source;
use crate::uses::{ActionReference, LocalAction};
use crate::yaml::{self, Node, Value};

/// Of the steps of all jobs, and of a composite action; in the order of the file.
pub(in crate::dialect) fn local_actions(path: &str, text: &str) -> Vec<LocalAction> {
    let Ok(root) = yaml::parse(&Source::new(path, text)) else {
        return Vec::new();
    };
    let jobs = root.get("jobs").and_then(Node::entries).unwrap_or_default();
    let of_jobs = jobs.iter().flat_map(|job| steps(&job.value));
    let of_action = root.get("runs").into_iter().flat_map(steps);
    of_jobs.chain(of_action).filter_map(local).collect()
}

fn steps(of: &Node) -> &[Node] {
    match of.get("steps").map(|steps| &steps.value) {
        Some(Value::List(steps)) => steps,
        _ => &[],
    }
}

fn local(step: &Node) -> Option<LocalAction> {
    let Value::Text(uses) = &step.get("uses")?.value else {
        return None;
    };
    match uses.parse() {
        Ok(ActionReference::Local(action)) => Some(action),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_jobs_and_of_composite_actions() {
        let paths = |text: &str| -> Vec<String> {
            let found = local_actions("x.yml", text);
            found.iter().map(|action| action.path().to_owned()).collect()
        };
        let workflow = "jobs: {a: {steps: [{uses: ./x/y}, {uses: a/b@v1}, {run: ./z}]}, b: {steps: [{uses: './'}]}, c: 3}";
        assert_eq!(paths(workflow), ["x/y", ""]);
        assert_eq!(paths("runs: {using: composite, steps: [{uses: ./x}]}"), ["x"]);
        assert_eq!(paths("runs: [\n"), Vec::<String>::new());
        assert_eq!(
            paths("jobs: {a: {steps: [{uses: ./../x}, {uses: 3}]}}"),
            Vec::<String>::new()
        );
    }
}

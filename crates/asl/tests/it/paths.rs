//! The table of paths against the machine.

use checkmill_asl::job::{Functions, machine};
use checkmill_asl::paths::Table;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

#[test]
fn every_scenario_goes_as_the_table_says_and_no_edge_is_left_out() {
    let machine = Arc::new(machine(&Functions::LOCAL).unwrap());
    let table = Table::load().unwrap();
    let mut taken = BTreeSet::new();
    let mut lines = Vec::new();
    for scenario in &table.scenarios {
        let name = &scenario.name;
        let replay = scenario
            .replay(&machine, table.input.clone())
            .unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(replay.visited, scenario.visited, "{name}");
        assert_eq!(
            (&replay.status, &replay.error),
            (&scenario.status, &scenario.error),
            "{name}"
        );
        lines.push(format!(
            "{name}: {} {} ({} transitions)",
            replay.visited.join(" "),
            replay.status,
            replay.transitions
        ));
        taken.extend(replay.edges);
    }
    let all: BTreeSet<_> = machine.edges().into_iter().collect();
    let missing: Vec<String> = all
        .difference(&taken)
        .map(|edge| machine.describe(*edge))
        .collect();
    assert_eq!(missing, Vec::<String>::new());
    assert_eq!(taken.difference(&all).count(), 0);
    insta::assert_snapshot!(lines.join("\n"), @r#"
    polled-to-its-end: Start Decide Wait Poll Decide Wait Poll Decide Results Done SUCCEEDED (10 transitions)
    called-back: Start Decide Await Poll Decide Results Done SUCCEEDED (7 transitions)
    callback-overdue: Start Decide Await Poll Decide Await Poll Decide Results Done SUCCEEDED (10 transitions)
    token-not-handed-over: Start Decide Await Wait Poll Decide Results Done SUCCEEDED (8 transitions)
    nothing-left-to-do: Start Decide Done SUCCEEDED (3 transitions)
    refused-at-start: Start Decide Results Done SUCCEEDED (4 transitions)
    taken-over-while-polling: Start Decide Wait Poll Decide Done SUCCEEDED (6 transitions)
    start-fails-for-good: Start Results Done SUCCEEDED (3 transitions)
    start-never-answers: Start Results Done SUCCEEDED (11 transitions)
    poll-fails-for-good: Start Decide Wait Poll Results Done SUCCEEDED (6 transitions)
    end-not-reported: Start Decide Results Unreported FAILED (4 transitions)
    failure-not-reported: Start Results Unreported FAILED (3 transitions)
    unknown-next-move: Start Decide Misunderstood FAILED (3 transitions)
    continued-as-new: Start Decide Wait Poll Decide Continue Done SUCCEEDED (7 transitions)
    continued-by-somebody-else: Start Decide Wait Poll Decide Continue Done SUCCEEDED (7 transitions)
    continued-at-the-second-try: Start Decide Wait Poll Decide Continue Wait Poll Decide Continue Done SUCCEEDED (19 transitions)
    "#);
}

#[test]
fn names_are_unique_and_serve_as_names() {
    let table = Table::load().unwrap();
    let names: BTreeSet<_> = table
        .scenarios
        .iter()
        .map(|scenario| scenario.name.as_str())
        .collect();
    assert_eq!(names.len(), table.scenarios.len());
    assert!(
        names
            .iter()
            .all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'))
    );
}

#[test]
fn a_script_that_does_not_fit_is_told() {
    let machine = Arc::new(machine(&Functions::LOCAL).unwrap());
    let table = Table::load().unwrap();
    let mut scenario = table
        .scenarios
        .iter()
        .find(|scenario| scenario.name == "called-back")
        .unwrap()
        .clone();
    let last = scenario.tasks.pop().unwrap();
    assert_eq!(
        scenario.replay(&machine, table.input.clone()),
        Err("the script ends before Results is entered".to_owned())
    );
    scenario.tasks.extend([last.clone(), last]);
    assert_eq!(
        scenario.replay(&machine, table.input.clone()),
        Err("the execution ended, and the script goes on with Results".to_owned())
    );
    scenario.tasks.remove(1);
    assert_eq!(
        scenario.replay(&machine, table.input),
        Err("Await is entered, and the script goes on with Poll".to_owned())
    );
}

#[test]
fn the_mock_format_numbers_the_visits() {
    let config = Table::load().unwrap().mock_config("m");
    let case = &config["StateMachines"]["m"]["TestCases"]["callback-overdue"];
    assert_eq!(case["Await"], json!("callback-overdue-Await"));
    let responses = &config["MockedResponses"]["callback-overdue-Await"];
    assert_eq!(
        responses["0"]["Throw"],
        json!({"Error": "States.Timeout", "Cause": "nobody called"})
    );
    assert!(responses["1"]["Return"].is_object());
    let poll = &config["MockedResponses"]["callback-overdue-Poll"];
    assert_eq!(
        (&poll["0"]["Return"]["next"], &poll["1"]["Return"]["next"]),
        (&json!("await"), &json!("results"))
    );
}

use super::*;

fn shown(text: &str) -> String {
    let found = match parse(text) {
        Ok(found) => found.annotations,
        Err(error) => return error,
    };
    let lines = found.iter().map(|found| {
        format!(
            "{}:{:?}-{:?}:{:?}-{:?}: {:?}: [{}] {}",
            found.file.as_deref().unwrap(),
            found.line,
            found.end_line,
            found.column,
            found.end_column,
            found.level,
            found.title.as_deref().unwrap(),
            found.message
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn ruff() {
    insta::assert_snapshot!(shown(include_str!("../../../tests/fixtures/reports/ruff.sarif")), @"
    file:///home/ci/demo/py/tests/test_broken.py:Some(1)-Some(1):Some(8)-Some(27): Error: [ruff: F401] `nothing_of_that_name` imported but unused
    ");
}

/// What the standard says about levels, rules, messages, bases and suppressions.
#[test]
fn the_standards_rules() {
    let text = r#"{"version": "2.1.0", "runs": [{
      "tool": {"driver": {"name": "scan", "rules": [
        {"id": "R1", "defaultConfiguration": {"level": "error"}, "messageStrings": {"default": {"text": "{0} is {1}"}}},
        {"id": "R2", "defaultConfiguration": {"level": "note"}}
      ]}},
      "originalUriBaseIds": {"ROOT": {"uri": "file:///w/"}, "SRC": {"uri": "src/", "uriBaseId": "ROOT"}, "LOOP": {"uri": "x", "uriBaseId": "LOOP"}},
      "artifacts": [{"location": {"uri": "by/index.c"}}],
      "results": [
        {"ruleId": "R1", "message": {"id": "default", "arguments": ["it", "bad"]}, "locations": [{"physicalLocation": {"artifactLocation": {"uri": "a%20b.c", "uriBaseId": "SRC"}, "region": {"startLine": 3, "startColumn": 2, "endLine": 3, "endColumn": 5}}}]},
        {"ruleId": "R2/sub", "message": {"text": "of a part of a rule"}, "locations": [{"physicalLocation": {"artifactLocation": {"index": 0}, "region": {"startLine": 1}}}]},
        {"rule": {"index": 1}, "message": {"text": "by index"}, "locations": [{"physicalLocation": {"artifactLocation": {"uri": "c.c"}}}]},
        {"message": {"text": "no rule"}, "locations": [{"physicalLocation": {"artifactLocation": {"uri": "d.c", "uriBaseId": "UNKNOWN"}}}]},
        {"message": {"text": "rejected"}, "suppressions": [{"kind": "external", "status": "rejected"}], "locations": [{"physicalLocation": {"artifactLocation": {"uri": "e.c"}}}]},
        {"message": {"text": "suppressed"}, "suppressions": [{"kind": "inSource"}], "locations": [{"physicalLocation": {"artifactLocation": {"uri": "x.c"}}}]},
        {"message": {"text": "passes"}, "kind": "pass", "locations": [{"physicalLocation": {"artifactLocation": {"uri": "x.c"}}}]},
        {"message": {"text": "gone"}, "baselineState": "absent", "locations": [{"physicalLocation": {"artifactLocation": {"uri": "x.c"}}}]},
        {"message": {"text": "off"}, "level": "none", "locations": [{"physicalLocation": {"artifactLocation": {"uri": "x.c"}}}]},
        {"message": {"text": "in a loop"}, "locations": [{"physicalLocation": {"artifactLocation": {"uri": "x.c", "uriBaseId": "LOOP"}}}]},
        {"message": {"text": "nowhere"}}
      ]}, {"tool": {"driver": {"name": "did not run"}}, "results": null}]}"#;
    insta::assert_snapshot!(shown(text), @"
    file:///w/src/a b.c:Some(3)-Some(3):Some(2)-Some(4): Error: [scan: R1] it is bad
    by/index.c:Some(1)-None:None-None: Notice: [scan: R2/sub] of a part of a rule
    c.c:None-None:None-None: Notice: [scan: R2] by index
    d.c:None-None:None-None: Warning: [scan] no rule
    e.c:None-None:None-None: Warning: [scan] rejected
    x/x/x/x/x/x/x/x/x.c:None-None:None-None: Warning: [scan] in a loop
    ");
}

#[test]
fn what_is_no_sarif() {
    let table = [
        ("{}", "missing field `version` at line 1 column 2"),
        (
            "{\"version\":\"1.0.0\",\"runs\":[]}",
            "its version is \"1.0.0\", not 2.1.0",
        ),
        (
            "{\"version\":\"2.1.0\",\n\"runs\":[{]}",
            "key must be a string at line 2 column 10",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(shown(text), expected);
    }
}

/// One result that is none takes no other with it.
#[test]
fn a_result_at_no_line() {
    let result = |line: &str| {
        format!(
            r#"{{"message": {{"text": "said"}}, "locations": [{{"physicalLocation": {{"artifactLocation": {{"uri": "a.c"}},
            "region": {{"startLine": {line}}}}}}}]}}"#
        )
    };
    let results = [result("-1"), result("2.5"), result("7")].join(",");
    let text = format!(
        r#"{{"version": "2.1.0", "runs": [{{"tool": {{"driver": {{}}}}, "results": [{results}]}}]}}"#
    );
    let findings = parse(&text).unwrap();
    assert_eq!(findings.broken, 2);
    assert!(findings.problem.unwrap().contains("`-1`"));
    let lines: Vec<_> = findings.annotations.iter().map(|one| one.line).collect();
    assert_eq!(lines, [Some(7)]);
}

#[test]
fn a_message_does_not_grow_without_bound() {
    let (text, argument) = ("{0}{1}".repeat(100_000), "{1}".repeat(100_000));
    let message = Message {
        text: Some(text),
        id: None,
        arguments: vec![argument.clone(), argument],
    };
    assert!(message.shown(None).unwrap().len() < 3_000_000);
}

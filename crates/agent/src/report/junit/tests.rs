//! Reports of real tools, and in the forms that others are documented to have.

use super::super::tests::shown as shown_run;
use super::*;

fn shown(text: &str) -> String {
    match parse(text) {
        Ok(run) => shown_run(&run),
        Err(error) => error.to_string(),
    }
}

#[test]
fn nextest() {
    insta::assert_snapshot!(shown(include_str!("../../../tests/fixtures/reports/nextest-junit.xml")), @r#"
    Some(Nextest): 2 passed, 3 failed, 0 skipped
    - demo | tests::answers_an_error (13 ms)
      > Error: "no such file"
    - demo | tests::adds_badly (276 ms)
      at src/lib.rs:22
      > assertion `left == right` failed: sums differ
      >   left: 4
      >  right: 5
    - demo::whole | end_to_end (95 ms)
      at tests/whole.rs:5
      > called `Option::unwrap()` on a `None` value
    "#);
}

#[test]
fn pytest() {
    let new = shown(include_str!("../../../tests/fixtures/reports/pytest-junit.xml"));
    insta::assert_snapshot!(new, @r#"
    Some(Pytest): 2 passed, 5 failed, 2 skipped
    - tests.test_sums | test_adds_badly (1 ms)
      at tests/test_sums.py:14
      > AssertionError: sums differ
      > assert 2 == 3
    - tests.test_sums | test_in_a_helper[2] (0 ms)
      at tests/helper.py:2
      at tests/test_sums.py:19
      > AssertionError
    - tests.test_sums.TestMore | test_raises (0 ms)
      at tests/test_sums.py:24
      > ValueError: no such
      > file
    - tests.test_sums | test_setup_fails (0 ms)
      at tests/test_sums.py:37
      > failed on setup with "RuntimeError: no fixture"
    - tests.test_sums.Old | test_equal (0 ms)
      at tests/test_sums.py:46
      > AssertionError: 1 != 2
    "#);
    // The older form has the place of the test itself, too.
    let old = shown(include_str!("../../../tests/fixtures/reports/pytest-junit1.xml"));
    insta::assert_snapshot!(old.lines().take(8).collect::<Vec<_>>().join("\n"), @"
    Some(Pytest): 2 passed, 5 failed, 2 skipped
    - tests.test_sums | test_adds_badly (1 ms)
      at tests/test_sums.py:14
      at tests/test_sums.py:12
      > AssertionError: sums differ
      > assert 2 == 3
    - tests.test_sums | test_in_a_helper[2] (0 ms)
      at tests/helper.py:2
    ");
}

#[test]
fn node() {
    insta::assert_snapshot!(shown(include_str!("../../../tests/fixtures/reports/node-junit.xml")), @"
    None: 1 passed, 1 failed, 1 skipped
    - test | adds badly (1 ms)
      at file:///home/ci/demo/node.test.mjs:5
      at file:///home/ci/demo/node.test.mjs:5
      at file:///home/ci/demo/node.test.mjs:5
      > Expected values to be strictly equal:4 !== 5
    ");
}

#[test]
fn a_linter_that_writes_junit() {
    insta::assert_snapshot!(shown(include_str!("../../../tests/fixtures/reports/ruff-junit.xml")), @"
    None: 0 passed, 2 failed, 0 skipped
    - /home/ci/demo/py/tests/test_broken | org.ruff.F401
      at /home/ci/demo/py/tests/test_broken.py:1
      > `nothing_of_that_name` imported but unused
    - /home/ci/demo/py/tests/test_sums | org.ruff.I001
      at /home/ci/demo/py/tests/test_sums.py:1
      > Import block is un-sorted or un-formatted
    ");
}

/// The forms of Maven's surefire and of Gradle: the stack trace in the failure, reruns and flaky runs beside it.
#[test]
fn surefire_and_gradle() {
    let text = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" name="org.example.SumTest" time="1,234.5" tests="4" errors="1" skipped="1" failures="1">
  <properties><property name="java.version" value="21"/></properties>
  <testcase name="adds" classname="org.example.SumTest" time="0.001"/>
  <testcase name="addsBadly" classname="org.example.SumTest" time="0.012">
    <failure message="expected: &lt;5&gt; but was: &lt;4&gt;" type="org.opentest4j.AssertionFailedError"><![CDATA[org.opentest4j.AssertionFailedError: expected: <5> but was: <4>
	at org.junit.jupiter.api.AssertionUtils.fail(AssertionUtils.java:55)
	at org.example.SumTest.addsBadly(SumTest.java:21)
]]></failure>
    <rerunFailure message="again" type="x"><stackTrace>at x(y.z:1)</stackTrace></rerunFailure>
    <system-out><![CDATA[see log.txt:99]]></system-out>
  </testcase>
  <testcase name="isFlaky" classname="org.example.SumTest" time="0.002">
    <flakyFailure message="once" type="x"/>
  </testcase>
  <testcase name="crashes" classname="org.example.SumTest" time="0"><error type="java.lang.IllegalStateException">java.lang.IllegalStateException
	at org.example.Sum.crash(Sum.java:7)</error></testcase>
  <testcase name="isLeftOut" classname="org.example.SumTest"><skipped/></testcase>
  <system-out><![CDATA[whole suite]]></system-out>
</testsuite>"#;
    insta::assert_snapshot!(shown(text), @"
    None: 2 passed, 2 failed, 1 skipped
    - org.example.SumTest | addsBadly (12 ms)
      at AssertionUtils.java:55 in src/test/java/org/junit/jupiter/api or src/test/kotlin/org/junit/jupiter/api or src/main/java/org/junit/jupiter/api or src/main/kotlin/org/junit/jupiter/api or src/org/junit/jupiter/api or test/org/junit/jupiter/api
      at SumTest.java:21 in src/test/java/org/example or src/test/kotlin/org/example or src/main/java/org/example or src/main/kotlin/org/example or src/org/example or test/org/example
      > expected: <5> but was: <4>
    - org.example.SumTest | crashes (0 ms)
      at Sum.java:7 in src/test/java/org/example or src/test/kotlin/org/example or src/main/java/org/example or src/main/kotlin/org/example or src/org/example or test/org/example
      > java.lang.IllegalStateException
      > 	at org.example.Sum.crash(Sum.java:7)
    ");
}

/// The form of go-junit-report and gotestsum: Go's own output as the failure's text.
#[test]
fn go_junit_report() {
    let text = r#"<testsuites tests="2" failures="1">
  <testsuite name="example.com/demo/calc" tests="2" failures="1" id="0" time="0.004">
    <properties><property name="go.version" value="go1.27.3 linux/amd64"></property></properties>
    <testcase name="TestAdd" classname="example.com/demo/calc" time="0.000"></testcase>
    <testcase name="TestAddBadly" classname="example.com/demo/calc" time="0.000">
      <failure message="Failed" type="">    calc_test.go:14: Add(2, 2) = 4,&#xA;        want 5</failure>
    </testcase>
  </testsuite>
</testsuites>"#;
    insta::assert_snapshot!(shown(text), @"
    Some(Go): 1 passed, 1 failed, 0 skipped
    - example.com/demo/calc | TestAddBadly (0 ms)
      at calc_test.go:14 in example.com/demo/calc or demo/calc or calc
      > Add(2, 2) = 4,
      > want 5
    ");
}

/// jest-junit and mocha: suites in suites, the file at the suite.
#[test]
fn suites_in_suites() {
    let text = r#"<testsuites name="jest tests"><testsuite name="outer" file="src/sum.test.ts"><testsuite name="inner">
<testcase name="adds &#x2014; badly" line="0"><failure/><failure message="second"/></testcase>
<testcase name="quiet"><failure message=""><![CDATA[]]></failure><system-err>last words</system-err></testcase>
</testsuite></testsuite></testsuites>"#;
    insta::assert_snapshot!(shown(text), @"
    None: 0 passed, 2 failed, 0 skipped
    - inner | adds — badly
      at src/sum.test.ts
      > second
    - inner | quiet
      at src/sum.test.ts
      > last words
    ");
}

/// What broke before, between or after the tests is said at the suite.
#[test]
fn a_suite_that_failed_itself() {
    let text = r#"<testsuites name="all"><testsuite name="outer" file="src/sum.test.ts">
<testsuite name="inner" errors="1"><properties><error message="no test"/></properties><error message="can't be loaded">at src/sum.test.ts:3</error></testsuite>
<testcase name="adds"/><failure/><system-err>no word of it</system-err>
</testsuite><testsuite><error message="nameless"/></testsuite></testsuites>"#;
    insta::assert_snapshot!(shown(text), @"
    None: 1 passed, 3 failed, 0 skipped
    - outer | inner
      at src/sum.test.ts:3
      at src/sum.test.ts
      > can't be loaded
    - all | outer
      at src/sum.test.ts
    -  | all
      > nameless
    ");
}

#[test]
fn what_is_no_report_or_broken() {
    let table = [
        (
            "<project><x/></project>",
            "its root element is \"project\", not testsuites or testsuite",
        ),
        (
            "<report/>",
            "its root element is \"report\", not testsuites or testsuite",
        ),
        (
            "<testsuite><testcase name='a'>",
            "byte 30: the file ends too early",
        ),
        ("<testsuite><testcase></testsuite>", "byte "),
        ("<testsuite", "byte "),
    ];
    for (text, expected) in table {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
    let deep = format!("<testsuite>{}", "<a>".repeat(DEPTH + 1));
    assert!(
        parse(&deep)
            .unwrap_err()
            .to_string()
            .contains("inside each other")
    );
    for nothing in [
        "",
        "\u{feff} \n",
        "<?xml version='1.0'?><!-- crashed -->",
        "crashed",
    ] {
        let error = parse(nothing).unwrap_err().to_string();
        assert_eq!(error, "it has no root element", "{nothing}");
    }
}

/// Neither files nor other entities come in, and none multiplies.
#[test]
fn entities_of_the_files_own_are_not_expanded() {
    let text = r#"<?xml version="1.0"?><!DOCTYPE t [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;"><!ENTITY f SYSTEM "file:///etc/passwd">]>
<testsuite name="&b;"><testcase name="x&f;y"><failure message="&b;">&f;&b; &lt;ok&gt;</failure></testcase></testsuite>"#;
    insta::assert_snapshot!(shown(text), @"
    None: 0 passed, 1 failed, 0 skipped
    - &b; | x&f;y
      > &b;
    ");
}

#[test]
fn a_flood_is_counted_and_a_thousand_are_kept() {
    let long = "x".repeat(100_000);
    let case = format!("<testcase name='a'><failure message='{long}'>{long}</failure></testcase>");
    let run = parse(&format!("<testsuite>{}</testsuite>", case.repeat(1100))).unwrap();
    assert_eq!((run.failed, run.failures.len()), (1100, 1000));
    assert!(run.failures[0].message.len() <= 12 * 1001);
}

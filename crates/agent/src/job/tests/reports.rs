//! What jobs say about their code and their tests.

use crate::testing::{Ran, World, run, run_with};
use checkmill_workflow::job::JobVerdict;
use serde_json::{Value, json};

/// Annotations and tests, a line each.
fn said(ran: &Ran) -> String {
    let mut lines: Vec<String> = Vec::new();
    for annotation in &ran.result.annotations {
        let path = annotation.path.as_deref().unwrap_or("-");
        let place = format!("{path}:{}", annotation.start_line.unwrap_or_default());
        let title = annotation.title.as_deref().unwrap_or_default();
        let message = annotation.message.replace('\n', " / ");
        lines.push(format!("{place}: {:?}: [{title}] {message}", annotation.level));
    }
    let tests = &ran.result.tests;
    lines.push(format!(
        "{} passed, {} failed, {} skipped",
        tests.passed, tests.failed, tests.skipped
    ));
    for test in &tests.failures {
        let path = test.path.as_deref().unwrap_or("-");
        let message = test.message.replace('\n', " / ");
        lines.push(format!(
            "{} | {} | {message} | {path}:{}",
            test.suite,
            test.name,
            test.line.unwrap_or_default()
        ));
    }
    lines.join("\n")
}

/// What the log says of its own accord after the last step.
fn warnings(ran: &Ran) -> Vec<&str> {
    let ours = |line: &&str| line.starts_with("##[warning]") || line.starts_with("Report ");
    ran.log.lines().filter(ours).collect()
}

const JUNIT: &str = r#"<testsuites><testsuite name="sums"><testcase name="adds" classname="sums"/><testcase name="adds badly" classname="sums" time="0.25" file="src/sum.test.ts" line="7"><failure message="4 is not 5">secret hunter2</failure></testcase></testsuite></testsuites>"#;

fn write(path: &str, text: &str) -> Value {
    run_with(
        "mkdir -p \"$(dirname \"$FILE\")\"; printf %s \"$TEXT\" > \"$FILE\"",
        json!({"env": {"FILE": path, "TEXT": text}}),
    )
}

#[tokio::test]
async fn compilers_and_tests_are_recognised_by_what_they_print() {
    let print = |text: &str| {
        run_with(
            "printf '%s\\n' \"$TEXT\"",
            json!({"env": {"TEXT": text}, "working_directory": "rust"}),
        )
    };
    let world = World::new(json!([
        write("rust/src/lib.rs", ""),
        print(
            "\u{1b}[1m\u{1b}[38;5;9merror[E0308]\u{1b}[0m: mismatched types\n \u{1b}[94m--> \u{1b}[0msrc/lib.rs:3:18\nerror[E0308]: of no file\n --> src/none.rs:1:1"
        ),
        // Once more, as for the tests of a library.
        print("error[E0308]: mismatched types\n --> src/lib.rs:3:18"),
        print(include_str!("../../../tests/fixtures/reports/cargo-test.txt")),
    ]));
    let ran = world.run().await;
    insta::assert_snapshot!(said(&ran), @r#"
    rust/src/lib.rs:3: Error: [E0308] mismatched types
    rust/src/lib.rs:7: Warning: [] unused variable: `unused`
    rust/src/lib.rs:22: Error: [tests::adds_badly failed] assertion `left == right` failed: sums differ /   left: 4 /  right: 5
    rust/src/lib.rs:5: Error: [src/lib.rs - add (line 3) failed] assertion `left == right` failed /   left: 2 /  right: 3
    2 passed, 4 failed, 1 skipped
    demo | tests::answers_an_error | Error: "no such file" | -:0
    demo | tests::adds_badly | assertion `left == right` failed: sums differ /   left: 4 /  right: 5 | rust/src/lib.rs:22
    whole | end_to_end | called `Option::unwrap()` on a `None` value | -:0
    doc-tests demo | src/lib.rs - add (line 3) | assertion `left == right` failed /   left: 2 /  right: 3 | rust/src/lib.rs:5
    "#);
    assert_eq!(
        ran.result.conclusion,
        JobVerdict::Success,
        "reports decide nothing"
    );
}

#[tokio::test]
async fn matchers_last_to_the_end_of_the_job() {
    let matcher = json!({"problemMatcher": [
        {"owner": "lint", "severity": "warning", "pattern": [{"regexp": "^(\\S+) line (\\d+): (.+)$", "file": 1, "line": 2, "message": 3}]},
        {"owner": "rust", "pattern": [{"regexp": "^ *--> (.+):(\\d+):\\d+$", "file": 1, "line": 2, "message": 1}]},
        {"owner": "plain", "severity": "notice", "pattern": [{"regexp": "^note: (.+)$", "message": 1}]},
        {"owner": "bad", "pattern": [{"regexp": "(a)(?=b)", "message": 1}]},
    ]});
    let world = World::new(json!([
        write("lint.json", &matcher.to_string()),
        write("src/a.c", ""),
        run("echo '::add-matcher::lint.json'; echo 'src/a.c line 3: first'; echo '::add-mask::hunter2'"),
        run(
            "echo \"$PWD/src/a.c line 4: second hunter2\"; printf 'error: x\\n --> src/a.c:9:1\\n'; echo 'src/a.c:5:1: error: known'; echo 'no.c line 1: of no file'; echo '/etc/passwd line 2: outside'; echo 'note: of the whole'"
        ),
        run(
            "echo '::remove-matcher owner=lint::'; echo 'src/a.c line 6: third'; echo '::add-matcher::none.json'"
        ),
    ]));
    let ran = world.run().await;
    insta::assert_snapshot!(said(&ran), @"
    src/a.c:3: Warning: [] first
    src/a.c:4: Warning: [] second ***
    src/a.c:9: Error: [] src/a.c
    src/a.c:5: Error: [] known
    -:0: Warning: [] of no file
    -:0: Warning: [] outside
    -:0: Notice: [] of the whole
    0 passed, 0 failed, 0 skipped
    ");
    insta::assert_snapshot!(warnings(&ran).join("\n"), @r#"
    ##[warning]Problem matchers of lint.json: the matcher "bad" is left out: pattern 1 ((a)(?=b)): look-around is not supported.
    ##[warning]Problem matchers of none.json: it can't be read: No such file or directory (os error 2).
    "#);
}

#[tokio::test]
async fn report_files_are_found_and_read() {
    let sarif = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"scan"}},"results":[{"ruleId":"R1","message":{"text":"bad hunter2"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"src/sum.test.ts"},"region":{"startLine":2}}}]}]}]}"#;
    let world = World::new(json!([
        run("echo '::add-mask::hunter2'"),
        write("src/sum.test.ts", ""),
        write("out/junit.xml", JUNIT),
        write("copy/junit.xml", JUNIT),
        write("scan.sarif", sarif),
        write("report.xml", "<coverage/>"),
        write("TEST-broken.xml", "<testsuite><testcase"),
        write("TEST-crashed.xml", ""),
    ]));
    let ran = world.run().await;
    insta::assert_snapshot!(said(&ran), @"
    src/sum.test.ts:2: Warning: [scan: R1] bad ***
    src/sum.test.ts:7: Error: [adds badly failed] 4 is not 5
    1 passed, 1 failed, 0 skipped
    sums | adds badly | 4 is not 5 | src/sum.test.ts:7
    ");
    insta::assert_snapshot!(warnings(&ran).join("\n"), @"
    ##[warning]The report TEST-broken.xml is no JUnit XML: byte 20: syntax error: tag not closed: `>` not found before end of input.
    ##[warning]The report TEST-crashed.xml is empty.
    Report copy/junit.xml: 2 tests, 1 failed.
    Report scan.sarif: 1 results.
    ");
    assert_eq!(ran.result.conclusion, JobVerdict::Success);
    assert!(
        ran.log.ends_with("##[job]success 8 steps succeeded"),
        "{}",
        ran.log
    );
}

/// Surefire with TestNG writes a file for the whole, and TestNG one for each class.
#[tokio::test]
async fn what_two_report_files_tell_counts_once() {
    let case = |class: &str, name: &str, time: &str, inside: &str| {
        format!("<testcase classname='{class}' name='{name}' time='{time}'>{inside}</testcase>")
    };
    let bad = "<failure message='4 is not 5'>java.lang.AssertionError: 4 is not 5\n\tat a.SumTest.bad(SumTest.java:7)</failure>";
    let other = bad.replace("SumTest.java", "OtherTest.java");
    let sums = |time: &str| {
        [
            case("a.SumTest", "adds", time, ""),
            // One test with two parameters.
            case("a.SumTest", "each", time, ""),
            case("a.SumTest", "each", time, ""),
            case("a.SumTest", "bad", time, bad),
            case("a.SumTest", "left", time, "<skipped/>"),
        ]
        .concat()
    };
    let suite = |name: &str, cases: &str| format!("<testsuite name='{name}'>{cases}</testsuite>");
    let more = case("a.MoreTest", "adds", "0.1", "");
    let world = World::new(json!([
        write("src/test/java/a/SumTest.java", ""),
        write("src/test/java/a/OtherTest.java", ""),
        write(
            "target/surefire-reports/TEST-TestSuite.xml",
            &suite("TestSuite", &(sums("0.003") + &more))
        ),
        write(
            "target/surefire-reports/junitreports/TEST-a.SumTest.xml",
            &suite("a.SumTest", &sums("0.004"))
        ),
        write(
            "target/surefire-reports/junitreports/TEST-a.MoreTest.xml",
            // The second is another outcome, the third another test's place.
            &suite(
                "a.MoreTest",
                &(more.clone()
                    + &case("a.MoreTest", "adds", "0.1", bad)
                    + &case("a.SumTest", "bad", "0.1", &other))
            )
        ),
    ]));
    let ran = world.run().await;
    insta::assert_snapshot!(said(&ran), @"
    src/test/java/a/SumTest.java:7: Error: [bad failed] 4 is not 5
    src/test/java/a/OtherTest.java:7: Error: [bad failed] 4 is not 5
    4 passed, 3 failed, 1 skipped
    a.SumTest | bad | 4 is not 5 | src/test/java/a/SumTest.java:7
    a.MoreTest | adds | 4 is not 5 | src/test/java/a/SumTest.java:7
    a.SumTest | bad | 4 is not 5 | src/test/java/a/OtherTest.java:7
    ");
}

/// pytest with a name of its own for the suite, as of version 8: the file does not say whose it is. A test that passes and
/// whose end then breaks is two in the printed counts, and one in the file.
#[tokio::test]
async fn a_suite_of_another_name_is_heard_once() {
    let world = World::new(json!([
        write(
            "junit.xml",
            include_str!("../../../tests/fixtures/reports/pytest-named-junit.xml")
        ),
        run_with(
            "printf '%s\\n' \"$TEXT\"",
            json!({"env": {"TEXT": include_str!("../../../tests/fixtures/reports/pytest-named.txt")}})
        ),
    ]));
    let ran = world.run().await;
    insta::assert_snapshot!(said(&ran), @r#"
    1 passed, 2 failed, 0 skipped
    tests.test_torn | test_adds_badly | assert (1 + 1) == 3 | -:0
    tests.test_torn | test_torn | failed on teardown with "RuntimeError: torn down" | -:0
    "#);
}

/// A report that tells what a step printed: the test counts once.
#[tokio::test]
async fn a_tool_that_prints_and_writes_is_heard_once() {
    let world = World::new(json!([
        write("tests/test_sums.py", ""),
        write(
            "pytest.xml",
            include_str!("../../../tests/fixtures/reports/pytest-junit.xml")
        ),
        run_with(
            "printf '%s\\n' \"$TEXT\"",
            json!({"env": {"TEXT": include_str!("../../../tests/fixtures/reports/pytest.txt")}})
        ),
    ]));
    let ran = world.run().await;
    insta::assert_snapshot!(said(&ran), @r#"
    tests/test_sums.py:14: Error: [test_adds_badly failed] AssertionError: sums differ / assert 2 == 3
    tests/test_sums.py:19: Error: [test_in_a_helper[2] failed] AssertionError
    tests/test_sums.py:24: Error: [test_raises failed] ValueError: no such / file
    tests/test_sums.py:37: Error: [test_setup_fails failed] failed on setup with "RuntimeError: no fixture"
    tests/test_sums.py:46: Error: [test_equal failed] AssertionError: 1 != 2
    2 passed, 5 failed, 2 skipped
    tests.test_sums | test_adds_badly | AssertionError: sums differ / assert 2 == 3 | tests/test_sums.py:14
    tests.test_sums | test_in_a_helper[2] | AssertionError | tests/test_sums.py:19
    tests.test_sums.TestMore | test_raises | ValueError: no such / file | tests/test_sums.py:24
    tests.test_sums | test_setup_fails | failed on setup with "RuntimeError: no fixture" | tests/test_sums.py:37
    tests.test_sums.Old | test_equal | AssertionError: 1 != 2 | tests/test_sums.py:46
    "#);
}

#[tokio::test]
async fn the_job_says_what_is_read() {
    let steps = || {
        json!([
            write("a.c", ""),
            write("junit.xml", JUNIT),
            write("mine/x.xml", JUNIT),
            write("mine/other.xml", "<coverage/>"),
            run("echo 'a.c:1:1: error: bad'"),
        ])
    };
    let with = |value: &str| World::new(steps()).with("env", json!([{"CHECKMILL_REPORTS": value}]));
    let ran = with("mine/*.xml\n!mine/y.xml").run().await;
    assert_eq!((ran.result.tests.failed, ran.result.annotations.len()), (1, 1));
    insta::assert_snapshot!(warnings(&ran).join("\n"), @r#"
    ##[warning]The report mine/other.xml is no JUnit XML: its root element is "coverage", not testsuites or testsuite.
    Report mine/x.xml: 2 tests, 1 failed.
    "#);
    let ran = with("").run().await;
    assert_eq!((ran.result.tests.failed, ran.result.annotations.len()), (0, 0));
    let ran = with("../x").run().await;
    assert_eq!(
        warnings(&ran),
        ["##[warning]CHECKMILL_REPORTS is not used: the pattern \"../x\" leads out of the workspace."]
    );
    // A step's own: nothing is recognised in its output.
    let quiet = run_with(
        "echo 'a.c:1:1: error: bad'",
        json!({"env": {"CHECKMILL_REPORTS": ""}}),
    );
    let ran = World::new(json!([write("a.c", ""), quiet])).run().await;
    assert_eq!(ran.result.annotations, []);
}

#[tokio::test]
async fn a_flood_of_messages_is_cut_and_failed_tests_are_not() {
    let flood = "for n in $(seq 1 3000); do echo \"a.c:$n:1: warning: message\"; done";
    let tests = "printf 'running 1 test\\ntest x ... FAILED\\n\\n---- x stdout ----\\nthread %s panicked at a.c:7:1:\\nbad\\n' \"'x'\"";
    let world = World::new(json!([write("a.c", ""), run(flood), run(tests)]));
    let ran = world.run().await;
    assert_eq!(ran.result.annotations.len(), 1801);
    assert_eq!(
        ran.result.annotations.last().unwrap().title.as_deref(),
        Some("x failed")
    );
    assert_eq!(
        warnings(&ran),
        [
            "##[warning]The job has reached the limit of annotations; further ones are only in this log.",
            "##[warning]1200 annotations are not on the check: there were too many."
        ]
    );
}

//! What real tools have printed; see `tests/fixtures/reports/README.md` for their versions.

use super::*;
use std::fmt::Write;

fn read(text: &str) -> (Vec<Annotation>, Vec<TestRun>) {
    let mut console = Console::default();
    let mut found = Vec::new();
    for line in text.lines() {
        found.extend(console.line(&crate::step_output::strip_ansi(line)));
    }
    let (runs, rest) = console.finish();
    found.extend(rest);
    (found, runs)
}

/// All that was understood, in a form to read.
fn shown(text: &str) -> String {
    let (found, runs) = read(text);
    let mut out = String::new();
    for found in found {
        let column = found
            .column
            .map(|column| format!(":{column}"))
            .unwrap_or_default();
        let title = found.title.map(|title| format!("[{title}] ")).unwrap_or_default();
        let (file, line) = (found.file.unwrap(), found.line.unwrap());
        writeln!(
            out,
            "{file}:{line}{column}: {:?}: {title}{}",
            found.level, found.message
        )
        .unwrap();
    }
    for run in &runs {
        out.push_str(&super::super::tests::shown(run));
    }
    out
}

#[test]
fn cargo_test() {
    insta::assert_snapshot!(shown(include_str!("../../../tests/fixtures/reports/cargo-test.txt")), @r#"
    src/lib.rs:7:9: Warning: unused variable: `unused`
    Some(CargoTest): 2 passed, 4 failed, 1 skipped
    - demo | tests::answers_an_error
      > Error: "no such file"
    - demo | tests::adds_badly
      at src/lib.rs:22
      > assertion `left == right` failed: sums differ
      >   left: 4
      >  right: 5
    - whole | end_to_end
      at tests/whole.rs:5
      > called `Option::unwrap()` on a `None` value
    - doc-tests demo | src/lib.rs - add (line 3)
      at src/lib.rs:5
      at src/lib.rs:3
      > assertion `left == right` failed
      >   left: 2
      >  right: 3
    "#);
}

#[test]
fn cargo_nextest() {
    insta::assert_snapshot!(shown(include_str!("../../../tests/fixtures/reports/nextest.txt")), @r#"
    src/lib.rs:7:9: Warning: unused variable: `unused`
    Some(Nextest): 2 passed, 3 failed, 1 skipped
    - demo | tests::answers_an_error (16 ms)
      > Error: "no such file"
    - demo | tests::adds_badly (251 ms)
      at src/lib.rs:22
      > assertion `left == right` failed: sums differ
      >   left: 4
      >  right: 5
    - demo::whole | end_to_end (132 ms)
      at tests/whole.rs:5
      > called `Option::unwrap()` on a `None` value
    "#);
}

#[test]
fn rustc() {
    insta::assert_snapshot!(shown(include_str!("../../../tests/fixtures/reports/rustc.txt")), @"src/lib.rs:8:7: Error: [E0277] cannot add `&str` to `u32`");
    insta::assert_snapshot!(shown(include_str!("../../../tests/fixtures/reports/rustc-short.txt")), @"
    src/lib.rs:8:7: Error: [E0277] cannot add `&str` to `u32`: no implementation for `u32 + &str`
    ");
}

#[test]
fn a_program_that_panics_and_a_panic_of_old() {
    let text = "    Running `target/debug/demo`\n\nthread 'main' panicked at src/main.rs:3:5:\nno\n\nsuch file\nnote: run with\n";
    insta::assert_snapshot!(shown(text), @"
    src/main.rs:3: Error: [panicked] no

    such file
    ");
    let old = "running 1 test\ntest a ... FAILED\n\nfailures:\n\n---- a stdout ----\nthread 'a' panicked at 'it's, bad', src/a.rs:7:9\n\
               note: run with\n\n\nfailures:\n    a\n\ntest result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured\n";
    insta::assert_snapshot!(shown(old), @"
    Some(CargoTest): 0 passed, 1 failed, 0 skipped
    -  | a
      at src/a.rs:7
      > it's, bad
    ");
    // `should_panic` under --nocapture: the test passes.
    let passes = "running 1 test\nthread 'main' panicked at src/a.rs:7:9:\nboom\ntest a - should panic ... ok\n\n\
                  test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured\n";
    insta::assert_snapshot!(shown(passes), @"Some(CargoTest): 1 passed, 0 failed, 0 skipped");
}

#[test]
fn pytest() {
    insta::assert_snapshot!(shown(include_str!("../../../tests/fixtures/reports/pytest.txt")), @"
    Some(Pytest): 2 passed, 5 failed, 2 skipped
    - tests/test_sums.py | test_adds_badly
      at tests/test_sums.py:14
      > AssertionError: sums differ
      > assert 2 == 3
    - tests/test_sums.py | test_in_a_helper[2]
      at tests/helper.py:2
      at tests/test_sums.py:19
      > AssertionError
    - tests/test_sums.py | TestMore::test_raises
      at tests/test_sums.py:24
      > ValueError: no such
      > file
    - tests/test_sums.py | Old::test_equal
      at tests/test_sums.py:46
      > AssertionError: 1 != 2
    - tests/test_sums.py | test_setup_fails
      at tests/test_sums.py:37
      > RuntimeError: no fixture
    ");
}

#[test]
fn pytest_in_other_forms() {
    let all = shown(include_str!("../../../tests/fixtures/reports/pytest.txt"));
    assert_eq!(
        shown(include_str!("../../../tests/fixtures/reports/pytest-color.txt")),
        all
    );
    insta::assert_snapshot!(shown(include_str!("../../../tests/fixtures/reports/pytest-short.txt")), @"
    Some(Pytest): 2 passed, 5 failed, 2 skipped
    - tests/test_sums.py | test_adds_badly
      at tests/test_sums.py:14
      > AssertionError: sums differ
      > assert 2 == 3
    - tests/test_sums.py | test_in_a_helper[2]
      at tests/helper.py:2
      at tests/test_sums.py:19
      > AssertionError
    - tests/test_sums.py | TestMore::test_raises
      at tests/test_sums.py:24
      > ValueError: no such
      > file
    - tests/test_sums.py | Old::test_equal
      at tests/test_sums.py:46
      > AssertionError: 1 != 2
    - tests/test_sums.py | test_setup_fails
      at tests/test_sums.py:37
      > RuntimeError: no fixture
    ");
    insta::assert_snapshot!(shown(include_str!("../../../tests/fixtures/reports/pytest-broken.txt")), @"
    Some(Pytest): 0 passed, 1 failed, 0 skipped
    -  | tests/test_broken.py
      at tests/test_broken.py:1
      at /usr/lib/python3.11/importlib/__init__.py:126
      > ModuleNotFoundError: No module named 'nothing_of_that_name'
    ");
}

#[test]
fn go_test() {
    insta::assert_snapshot!(shown(include_str!("../../../tests/fixtures/reports/go-test.txt")), @r#"
    bad/bad.go:4:9: Error: cannot use "x" (untyped string constant) as int value in return statement
    vet/vet.go:5:26: Error: fmt.Printf format %d has arg "x" of wrong type string
    Some(Go): 0 passed, 3 failed, 0 skipped
    - example.com/demo/calc | TestAddBadly (0 ms)
      at calc_test.go:14 in example.com/demo/calc or demo/calc or calc
      > Add(2, 2) = 4,
      > want 5
    - example.com/demo/calc | TestTable/two (0 ms)
      at calc_test.go:22 in example.com/demo/calc or demo/calc or calc
      > two is too much
    - example.com/demo/crash | TestPanics (0 ms)
      at /usr/local/go/src/testing/testing.go:2125
      at /usr/local/go/src/testing/testing.go:2128
      at /usr/local/go/src/runtime/panic.go:859
      at /home/ci/demo/go/crash/crash_test.go:5
      at /home/ci/demo/go/crash/crash_test.go:7
      at /usr/local/go/src/testing/testing.go:2195
      at /usr/local/go/src/testing/testing.go:2260
      > panic: boom [recovered, repanicked]
    "#);
}

#[test]
fn go_test_in_other_forms() {
    insta::assert_snapshot!(shown(include_str!("../../../tests/fixtures/reports/go-test-v.txt")), @r#"
    bad/bad.go:4:9: Error: cannot use "x" (untyped string constant) as int value in return statement
    vet/vet.go:5:26: Error: fmt.Printf format %d has arg "x" of wrong type string
    Some(Go): 2 passed, 3 failed, 1 skipped
    - example.com/demo/calc | TestAddBadly (0 ms)
      at calc_test.go:14 in example.com/demo/calc or demo/calc or calc
      > Add(2, 2) = 4,
      > want 5
    - example.com/demo/calc | TestTable/two (0 ms)
      at calc_test.go:22 in example.com/demo/calc or demo/calc or calc
      > two is too much
    - example.com/demo/crash | TestPanics (0 ms)
      at /usr/local/go/src/testing/testing.go:2125
      at /usr/local/go/src/testing/testing.go:2128
      at /usr/local/go/src/runtime/panic.go:859
      at /home/ci/demo/go/crash/crash_test.go:5
      at /home/ci/demo/go/crash/crash_test.go:7
      at /usr/local/go/src/testing/testing.go:2195
      at /usr/local/go/src/testing/testing.go:2260
      > panic: boom [recovered, repanicked]
    "#);
    insta::assert_snapshot!(shown(include_str!("../../../tests/fixtures/reports/go-test-json.txt")), @r#"
    bad/bad.go:4:9: Error: cannot use "x" (untyped string constant) as int value in return statement
    vet/vet.go:5:26: Error: fmt.Printf format %d has arg "x" of wrong type string
    Some(Go): 2 passed, 3 failed, 1 skipped
    - example.com/demo/calc | TestAddBadly (0 ms)
      at calc_test.go:14 in example.com/demo/calc or demo/calc or calc
      > Add(2, 2) = 4,
      > want 5
    - example.com/demo/calc | TestTable/two (0 ms)
      at calc_test.go:22 in example.com/demo/calc or demo/calc or calc
      > two is too much
    - example.com/demo/crash | TestPanics (0 ms)
      at /usr/local/go/src/testing/testing.go:2125
      at /usr/local/go/src/testing/testing.go:2128
      at /usr/local/go/src/runtime/panic.go:859
      at /home/ci/demo/go/crash/crash_test.go:5
      at /home/ci/demo/go/crash/crash_test.go:7
      at /usr/local/go/src/testing/testing.go:2195
      at /usr/local/go/src/testing/testing.go:2260
      > panic: boom [recovered, repanicked]
    "#);
    insta::assert_snapshot!(shown(include_str!("../../../tests/fixtures/reports/go-vet.txt")), @r#"
    vet/vet.go:5:26: Error: fmt.Printf format %d has arg "x" of wrong type string
    bad/bad.go:4:9: Error: cannot use "x" (untyped string constant) as int value in return statement
    "#);
}

#[test]
fn c_compilers() {
    insta::assert_snapshot!(shown(include_str!("../../../tests/fixtures/reports/gcc.txt")), @"
    c/sum.c:4:16: Error: ‘c’ undeclared (first use in this function)
    c/sum.c:3:9: Warning: unused variable ‘unused’ [-Wunused-variable]
    c/sum.c:5:1: Warning: control reaches end of non-void function [-Wreturn-type]
    c/inc.c:1:10: Error: nothing.h: No such file or directory
    ");
}

#[test]
fn other_compilers() {
    let text = "src/a.ts:3:7 - error TS2322: Type 'string' is not assignable to type 'number'.\n\
                src/a.ts(3,7): error TS2322: Type 'string'.\n\
                src\\b.cs(10): warning CS0168: The variable is declared.\n\
                pkg/mod.py:12: error: Incompatible types  [assignment]\n\
                lib/x.c:4:1: fatal error: no.h: No such file\n";
    insta::assert_snapshot!(shown(text), @r"
    src/a.ts:3:7: Error: [TS2322] Type 'string' is not assignable to type 'number'.
    src/a.ts:3:7: Error: [TS2322] Type 'string'.
    src\b.cs:10: Warning: [CS0168] The variable is declared.
    pkg/mod.py:12: Error: Incompatible types  [assignment]
    lib/x.c:4:1: Error: no.h: No such file
    ");
}

#[test]
fn ordinary_output_says_nothing() {
    let text = "error: test failed, to rerun pass `--lib`\n\
                2026/11/25 12:00:01 main.go:23: listening\n\
                main.go:23: a line of Go's log package\n\
                12:30:01: error: of a clock\n\
                a.c:1:2: note: declared here\n\
                Error: it went wrong\n\
                error[E0308]: a code\nand no place\n\n --> src/lib.rs:1:2\n\
                3 failed in the year 2020\n\
                99999999999999999999 passed in 1.0s\n\
                10 passed in 3.5s, or so\n\
                FAILED to do it\n\
                test of something ... FAILED\n\
                --- a/src/lib.rs\n+++ b/src/lib.rs\n@@ -1,2 +1,2 @@\n\
                {\"Action\": \"x\"}\n{\"Action\":\"broken\n";
    assert_eq!(shown(text), "");
}

#[test]
fn what_is_cut_off_is_told_as_far_as_it_went() {
    let cargo = "running 3 tests\ntest a ... FAILED\n";
    insta::assert_snapshot!(shown(cargo), @"
    Some(CargoTest): 0 passed, 1 failed, 0 skipped
    -  | a
    ");
    let go = "--- FAIL: TestX (0.10s)\n    x_test.go:3: no\n";
    insta::assert_snapshot!(shown(go), @"
    Some(Go): 0 passed, 1 failed, 0 skipped
    -  | TestX (100 ms)
      at x_test.go:3
      > no
    ");
    let pytest = "=== short test summary info ===\nFAILED a.py::test_x[a - b] - assert 0\n";
    insta::assert_snapshot!(shown(pytest), @"
    Some(Pytest): 0 passed, 1 failed, 0 skipped
    - a.py | test_x[a - b]
      > assert 0
    ");
}

/// Sessions follow each other in one step.
#[test]
fn runs_follow_each_other() {
    let pytest = include_str!("../../../tests/fixtures/reports/pytest.txt");
    let (_, runs) = read(&format!("{pytest}\n{pytest}"));
    let counts: Vec<_> = runs.iter().map(|run| (run.failed, run.failures.len())).collect();
    assert_eq!(counts, [(5, 5), (5, 5)]);
    let nextest = include_str!("../../../tests/fixtures/reports/nextest.txt");
    let (_, runs) = read(&format!("{nextest}\n{nextest}"));
    let counts: Vec<_> = runs.iter().map(|run| (run.failed, run.failures.len())).collect();
    assert_eq!(counts, [(3, 3), (3, 3)]);
    let cargo = include_str!("../../../tests/fixtures/reports/cargo-test.txt");
    let (_, runs) = read(&format!("{cargo}\n{cargo}"));
    assert_eq!((runs.len(), runs[0].failed, runs[0].failures.len()), (1, 8, 8));
}

//! Any sequence of events with duplicates, drops, reorders and crashes between any two effects, in any interleaving of phases,
//! ends each job in exactly one terminal state, with exactly one final conclusion on exactly one check for each attempt, and
//! nothing left running.
//!
//! The phases, the transition table, the graph and the state machine are the real ones; the ports are in memory, and time is
//! virtual: thousands of cases with hours of waiting take seconds. A case that fails is printed whole, with what happened in it
//! and the seed that leads to it again, and is kept in `tests/proptest-regressions`, from where every later run tries it first.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calls;
mod concurrency;
mod events;
mod property;
mod reruns;
mod schedules;
mod stories;
mod verdict;

const SHA: &str = "0123456789abcdef0123456789abcdef01234567";
const PATH: &str = ".checkmill/workflows/ci.yml";

const WORKFLOW: &str = r#"
name: CI
on: [push, pull_request]
jobs:
  build:
    runs-on: linux
    timeout-minutes: 30
    outputs:
      version: ${{ steps.v.outputs.version }}
    steps:
      - id: v
        run: echo "version=1" >> "$GITHUB_OUTPUT"
  test:
    needs: build
    runs-on: linux
    timeout-minutes: 20
    strategy:
      max-parallel: 2
      matrix:
        n: [1, 2, 3]
    steps:
      - run: exit ${{ matrix.n }}
  report:
    needs: [build, test]
    if: always()
    runs-on: linux
    steps:
      - run: echo done
"#;

//! The example of the README.

use crate::program::{Project, without_times};
use std::path::Path;

#[tokio::test]
async fn the_example_runs_and_ends_with_0() {
    let hello = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/hello");
    let project = Project::new(&[]);
    let ended = project.checkmill(&["run", hello.to_str().unwrap()]).await;
    insta::assert_snapshot!(ended.table(), @r#"
    exit code 0
        CHECK               CONCLUSION  REASON
     ✓  Hello / version     success     success
     ✓  Hello / test (de)   success     success
     ✓  Hello / test (en)   success     success
     ✓  Hello / test (fr)   success     success
     ✓  Hello / test (tlh)  neutral     neutral
     ✓  Hello / report      success     success

    Hello / test (tlh): Allowed to fail (continue-on-error): Step "Greet in tlh" failed with exit code 3
      │ hello.sh: nobody has translated the greeting to 'tlh'

    6 passed, 0 failed
    "#);
    let readme = include_str!("../../../../README.md");
    let shown = readme
        .split_once("<!-- hello -->\n```\n")
        .and_then(|(_, rest)| rest.split_once("\n```\n<!-- /hello -->"))
        .map(|(shown, _)| without_times(shown));
    assert_eq!(
        shown.as_deref(),
        Some(without_times(&ended.stdout).trim_end()),
        "the README shows it"
    );
    let first = ended.stderr.lines().next().unwrap_or_default();
    assert!(
        first.starts_with("Running the files of ") && first.ends_with("as a push to main."),
        "{first}"
    );
    // Where it is no terminal, a line for each change that was seen; the last ones are seen always.
    for line in [
        "✓ Hello / version  success",
        "✓ Hello / test (tlh)  neutral",
        "✓ Hello / report  success",
    ] {
        assert!(ended.stderr.contains(line), "{line} is shown:\n{}", ended.stderr);
    }
}

//! Actions' own files.

use checkmill_workflow::manifest::{DockerImage, Runs};
use checkmill_workflow::{manifest::ActionManifest, parse_action};

fn read(text: &str) -> ActionManifest {
    parse_action("action.yml", text).unwrap_or_else(|wrong| panic!("{wrong}"))
}

fn wrong(text: &str) -> String {
    parse_action("action.yml", text)
        .map(|_| ())
        .expect_err("the file is wrong")
        .to_string()
}

/// GitHub's reader takes nothing for an empty text.
#[test]
fn texts_may_stand_alone() {
    let manifest = read(
        "
name:
runs:
  using: composite
  steps:
    - name:
      if:
      shell: bash
      working-directory:
      run: make
",
    );
    assert_eq!(manifest.name, None);
    assert!(matches!(manifest.runs, Runs::Composite { .. }));
}

#[test]
fn a_composite_action() {
    let manifest = read(
        "
name: Greet
description: Says hello
branding: {icon: heart}
inputs:
  who:
    description: Whom
    required: true
  greeting:
    default: Hello from ${{ github.repository }}
    deprecationMessage: use `who`
  count: {default: 3, required: 'true'}
  bare:
outputs:
  said: {description: The text, value: '${{ steps.say.outputs.text }}'}
  nothing: {description: No value}
runs:
  using: composite
  steps:
    - id: say
      name: Say ${{ inputs.who }}
      if: inputs.who != ''
      shell: bash
      working-directory: ${{ github.action_path }}
      continue-on-error: ${{ inputs.count == '3' }}
      env: {N: '${{ inputs.count }}'}
      run: echo
    - uses: octo/tool/sub@v1
      with: {a: '${{ env.N }}'}
    - uses: ./.github/actions/x
",
    );
    insta::assert_debug_snapshot!(manifest.inputs, @r#"
    [
        ActionInput {
            name: "who",
            required: true,
            default: None,
            deprecation: None,
        },
        ActionInput {
            name: "greeting",
            required: false,
            default: Some(
                "Hello from ${{ github.repository }}",
            ),
            deprecation: Some(
                "use `who`",
            ),
        },
        ActionInput {
            name: "count",
            required: true,
            default: Some(
                "3",
            ),
            deprecation: None,
        },
        ActionInput {
            name: "bare",
            required: false,
            default: None,
            deprecation: None,
        },
    ]
    "#);
    let Runs::Composite { steps, outputs } = &manifest.runs else {
        panic!("{manifest:?}")
    };
    insta::assert_snapshot!(serde_json::to_string_pretty(&(steps, outputs)).unwrap(), @r#"
    [
      [
        {
          "id": "say",
          "name": "Say ${{ inputs.who }}",
          "if": "inputs.who != ''",
          "env": {
            "N": "${{ inputs.count }}"
          },
          "continue_on_error": "${{ inputs.count == '3' }}",
          "type": "run",
          "run": "echo",
          "shell": "bash",
          "working_directory": "${{ github.action_path }}"
        },
        {
          "env": {},
          "type": "uses",
          "uses": "octo/tool/sub@v1",
          "with": {
            "a": "${{ env.N }}"
          }
        },
        {
          "env": {},
          "type": "uses",
          "uses": "./.github/actions/x",
          "with": {}
        }
      ],
      {
        "nothing": "",
        "said": "${{ steps.say.outputs.text }}"
      }
    ]
    "#);
}

#[test]
fn javascript_and_docker() {
    let node =
        read("runs: {using: Node20, main: dist/index.js, post: dist/post.js, post-if: success(), pre: ''}");
    insta::assert_debug_snapshot!(node.runs, @r#"
    JavaScript {
        using: "node20",
        main: "dist/index.js",
        pre: None,
        post: Some(
            Hook {
                program: "dist/post.js",
                condition: Some(
                    "success()",
                ),
            },
        ),
    }
    "#);
    let docker = read(
        "runs: {using: docker, image: Dockerfile, entrypoint: /main.sh, pre-entrypoint: /pre.sh, \
         args: ['${{ inputs.a }}', 2], env: {B: '${{ inputs.b }}'}}",
    );
    insta::assert_debug_snapshot!(docker.runs, @r#"
    Docker(
        DockerRuns {
            image: File(
                "Dockerfile",
            ),
            entrypoint: Some(
                "/main.sh",
            ),
            args: [
                "${{ inputs.a }}",
                "2",
            ],
            env: {
                "B": "${{ inputs.b }}",
            },
            pre: Some(
                Hook {
                    program: "/pre.sh",
                    condition: None,
                },
            ),
            post: None,
        },
    )
    "#);
    let pulled = read("runs: {using: docker, image: 'docker://alpine:3'}");
    assert!(
        matches!(pulled.runs, Runs::Docker(docker) if docker.image == DockerImage::Registry("alpine:3".to_owned()))
    );
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let table = [
        ("", "action.yml:1:1: the file is empty"),
        ("[]", "action.yml:1:1: an action must be a mapping, not a list"),
        ("name: x", "action.yml:1:1: `runs` is missing"),
        ("runs: {}", "action.yml:1:7: `using` is missing in `runs`"),
        (
            "runs: {using: node22, main: x}",
            "action.yml:1:15: `using` can't be `node22`",
        ),
        (
            "runs: {using: node20}",
            "action.yml:1:7: `main` is missing in `runs`",
        ),
        (
            "runs: {using: docker}",
            "action.yml:1:7: `image` is missing in `runs`",
        ),
        (
            "runs: {using: composite}",
            "action.yml:1:7: `steps` is missing in `runs`",
        ),
        (
            "runs: {using: composite, steps: [{run: x}]}",
            "action.yml:1:35: step 1 has no `shell`",
        ),
        (
            "runs: {using: composite, steps: [{run: x, shell: bash, timeout-minutes: 3}]}",
            "action.yml:1:56: `timeout-minutes` is not supported yet in this version",
        ),
        (
            "runs: {using: composite, steps: [{run: '${{ secrets.A }}', shell: bash}]}",
            "action.yml:1:45: the context `secrets`",
        ),
        (
            "runs: {using: composite, steps: [{uses: ../x}]}",
            "action.yml:1:41: step 1 uses `../x`, which is not a directory below the workspace",
        ),
        (
            "runs: {using: composite, steps: [{uses: actions/cache@v4, with: {kye: x}}]}",
            "action.yml:1:66: unknown input `kye` of `actions/cache`",
        ),
        (
            "inputs: {a: {default: '${{ secrets.X }}'}}\nruns: {using: node20, main: x}",
            "action.yml:1:28: the context `secrets`",
        ),
        (
            "inputs: {'a=b': }\nruns: {using: node20, main: x}",
            "action.yml:1:10: `a=b` can't be the name of an input",
        ),
        (
            "runs: {using: docker, image: x, args: y}",
            "action.yml:1:39: `args` must be a list, not a text",
        ),
    ];
    for (text, expected) in table {
        let wrong = wrong(text);
        assert!(wrong.starts_with(expected), "{text}\n{wrong}");
    }
}

//! The adapters against a server that speaks their wire formats strictly, and answers well, badly, slowly or not at all.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use checkmill_core::Millis;
use checkmill_model::client::ModelSettings;
use checkmill_model::{
    Model, ModelFault, ModelId, key_of, translation, translation_key, translation_question,
};
use checkmill_testkit::model::{FakeModel, Say, Wire};
use checkmill_workflow::translation::{
    Lacking, Machine, Untranslatable, UntranslatableAction, UntranslatableRun, run_expressions,
};
use std::sync::Arc;

const KEY: &str = "sk-or-v1-0123456789abcdef";
const GOOD: &str = r#"{"shell":"bash","script":"echo hello","explanation":"Greets.","assumptions":[]}"#;
/// For answers that come.
const PATIENT: Millis = Millis::from_secs(30);

fn step() -> Untranslatable {
    Untranslatable::Action(UntranslatableAction {
        uses: "tools/greet@v1".parse().unwrap(),
        lacking: Lacking::Node,
        manifest: "inputs: {who: }\nruns: {using: node20, main: main.js}".to_owned(),
        dockerfile: None,
        inputs: vec!["INPUT_WHO".to_owned()],
        machine: Machine {
            os: "Linux".to_owned(),
            arch: "X64".to_owned(),
            programs: vec!["bash".to_owned()],
        },
    })
}

/// What a model is told of a script: its text, with names in the place of values.
#[test]
fn the_question_about_a_script() {
    let run = "jq . '${{ github.head_ref }}'";
    let step = Untranslatable::Run(UntranslatableRun {
        run: run.to_owned(),
        shell: "bash".to_owned(),
        lacking: vec!["jq".to_owned()],
        expressions: run_expressions(run),
        machine: Machine {
            os: "Linux".to_owned(),
            arch: "X64".to_owned(),
            programs: vec!["bash".to_owned()],
        },
    });
    let question = translation_question(&step);
    assert_eq!(question.schema, translation_question(&self::step()).schema);
    assert_ne!(question.system, translation_question(&self::step()).system);
    insta::assert_snapshot!(question.user, @r#"
    {
      "run": "jq . '${{ github.head_ref }}'",
      "shell": "bash",
      "lacking": [
        "jq"
      ],
      "expressions": [
        {
          "variable": "EXPRESSION_1",
          "expression": "github.head_ref"
        }
      ],
      "machine": {
        "os": "Linux",
        "arch": "X64",
        "programs": [
          "bash"
        ]
      }
    }
    "#);
    // Two kinds of one digest would be two questions all the same, each with a version of its own.
    let model = ModelId("m".to_owned());
    assert_eq!(
        translation_key(&step, &model),
        key_of(&step.digest(), step.kind(), &model)
    );
}

async fn server(wire: Wire) -> (FakeModel, Arc<dyn Model>) {
    let key = (wire != Wire::Ollama).then_some(KEY);
    let server = FakeModel::start(wire, "small", key).await.unwrap();
    let model = model(wire, &server.base_url(), "small", key);
    (server, model)
}

fn model(wire: Wire, url: &str, name: &str, key: Option<&str>) -> Arc<dyn Model> {
    let (switch, prefix) = match wire {
        Wire::Ollama => ("ollama", "OLLAMA"),
        Wire::OpenRouter => ("openrouter", "OPENROUTER"),
        Wire::OpenAi => ("openai", "OPENAI"),
    };
    let pairs = [
        ("CHECKMILL_MODEL".to_owned(), switch),
        (format!("{prefix}_BASE_URL"), url),
        (format!("{prefix}_MODEL"), name),
        (format!("{prefix}_API_KEY"), key.unwrap_or_default()),
    ];
    ModelSettings::read(pairs).unwrap().open().unwrap().unwrap()
}

const WIRES: [Wire; 3] = [Wire::Ollama, Wire::OpenRouter, Wire::OpenAi];

#[tokio::test]
async fn a_question_and_its_answer() {
    for wire in WIRES {
        let (server, model) = server(wire).await;
        server.then(Say::Text(GOOD.to_owned()));
        let answer = model
            .answer(&translation_question(&step()), PATIENT)
            .await
            .unwrap();
        assert_eq!(translation(&answer).unwrap().script, "echo hello");
        assert_eq!(server.refused(), Vec::<String>::new(), "{wire:?}");
        let asked = server.asked();
        assert_eq!(asked.len(), 1);
        // All that is told of the step, and nothing else.
        let told: Untranslatable = serde_json::from_str(&asked[0].user).unwrap();
        assert_eq!(told, step());
    }
}

#[tokio::test]
async fn what_goes_wrong_is_said_and_nothing_is_tried_again() {
    let long = vec![b'x'; checkmill_core::limits::MODEL_ANSWER_BYTES + 1];
    let inside = |text: &str| Say::Raw(200, text.as_bytes().to_vec());
    for (say, expected) in [
        (
            Say::Error(503, "busy,\n try again".to_owned()),
            "refused the question (status 503): busy, try again",
        ),
        (
            Say::Raw(502, b"<html>".to_vec()),
            "refused the question (status 502): it gives no reason",
        ),
        (
            Say::Redirect("http://127.0.0.1:1/".to_owned()),
            "refused the question (status 307): it gives no reason",
        ),
        (
            Say::Cut(GOOD.to_owned()),
            "answered badly: with more than 4096 tokens, or more than its context holds",
        ),
        (Say::Raw(200, long), "answered badly: with more than 256 KiB"),
        (inside(""), "answered badly: not as"),
        (inside("{}"), "answered badly: "),
        (inside("[]"), "answered badly: not as"),
        (Say::Raw(200, vec![0xff, 0xfe]), "answered badly: not as"),
        (Say::BreakOff, "could not be reached: "),
    ] {
        for wire in WIRES {
            let (server, model) = server(wire).await;
            server.then(say.clone());
            let fault = model
                .answer(&translation_question(&step()), PATIENT)
                .await
                .unwrap_err();
            let fault = fault.to_string();
            assert!(fault.starts_with(expected), "{wire:?} {say:?}: {fault}");
            assert_eq!(server.asked().len(), 1, "{wire:?} {say:?}");
            assert_eq!(server.refused(), Vec::<String>::new(), "{wire:?}");
        }
    }
}

#[tokio::test]
async fn what_only_openais_api_has() {
    for (wire, say, expected) in [
        (
            Wire::OpenRouter,
            Say::ErrorInside(429, "Rate limit exceeded".to_owned()),
            "refused the question (status 429): Rate limit exceeded",
        ),
        (
            Wire::OpenAi,
            Say::Refusal("I can't help with that.".to_owned()),
            "answered badly: with a refusal: I can't help with that.",
        ),
        (
            Wire::OpenAi,
            Say::Raw(200, br#"{"choices":[]}"#.to_vec()),
            "answered badly: with no choice",
        ),
        (
            Wire::OpenAi,
            Say::Raw(200, br#"{"choices":[{"message":{"content":"{}"}}]}"#.to_vec()),
            "answered badly: with a part of an answer",
        ),
    ] {
        let (server, model) = server(wire).await;
        server.then(say);
        let fault = model
            .answer(&translation_question(&step()), PATIENT)
            .await
            .unwrap_err();
        assert_eq!(fault.to_string(), expected);
    }
}

#[tokio::test]
async fn a_slow_one_is_not_waited_for() {
    for wire in WIRES {
        let (server, model) = server(wire).await;
        server.then(Say::Silence);
        let fault = model
            .answer(&translation_question(&step()), Millis(200))
            .await
            .unwrap_err();
        assert_eq!(fault, ModelFault::Slow(Millis(200)));
        assert!(fault.is_the_servers());
    }
}

#[tokio::test]
async fn one_that_is_not_there() {
    for wire in WIRES {
        let model = model(wire, "http://127.0.0.1:1/v1", "small", Some("k"));
        let fault = model
            .answer(&translation_question(&step()), PATIENT)
            .await
            .unwrap_err();
        assert!(matches!(&fault, ModelFault::Unreachable(_)), "{fault}");
    }
}

#[tokio::test]
async fn no_key_is_repeated_whatever_the_server_says() {
    for wire in [Wire::OpenRouter, Wire::OpenAi] {
        let server = FakeModel::start(wire, "small", Some("another")).await.unwrap();
        let model = model(wire, &server.base_url(), "small", Some(KEY));
        let fault = model
            .answer(&translation_question(&step()), PATIENT)
            .await
            .unwrap_err();
        let text = format!("{fault} {fault:?}");
        assert!(text.contains("Incorrect API key provided: Bearer ***"), "{text}");
        assert!(!text.contains(KEY), "{text}");
    }
}

#[tokio::test]
async fn a_model_that_the_server_does_not_have() {
    let server = FakeModel::start(Wire::Ollama, "small", None).await.unwrap();
    let model = model(Wire::Ollama, &server.base_url(), "large", None);
    let fault = model
        .answer(&translation_question(&step()), PATIENT)
        .await
        .unwrap_err();
    assert_eq!(
        fault.to_string(),
        "refused the question (status 404): model 'large' not found"
    );
}

//! Properties of expressions: whatever the text, an answer or an error; never a panic, never a secret in an error.

use checkmill_workflow::expr::{
    JobStatus, Place, Scope, check, condition, evaluate, interpolate, interpolate_value, untrusted_references,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const SECRET: &str = "s3cr3t-v4lu3";

fn contexts() -> Map<String, Value> {
    let contexts = json!({
        "github": {"ref": "refs/heads/x", "event": {"list": [1, [2, {"a": "b"}], null], "number": 5}},
        "secrets": {"TOKEN": SECRET, "list": [SECRET], "0": SECRET},
        "env": {"A": "1"},
    });
    match contexts {
        Value::Object(contexts) => contexts,
        other => panic!("{other}"),
    }
}

/// Pieces that make well-formed expressions likely.
fn soup() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "github",
        "secrets",
        "env",
        "inputs",
        ".",
        "[",
        "]",
        "*",
        ".*",
        "(",
        ")",
        ",",
        "!",
        "==",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "&&",
        "||",
        " ",
        "\n",
        "'",
        "''",
        "'a'",
        "'{0}'",
        "'{{'",
        "1",
        "-1",
        "0xff",
        "1e9",
        ".5",
        "NaN",
        "null",
        "true",
        "contains(",
        "startsWith(",
        "format(",
        "join(",
        "toJSON(",
        "fromJSON(",
        "hashFiles(",
        "case(",
        "success()",
        "always(",
        "TOKEN",
        "event",
        "list",
        "é",
        "${{",
        "}}",
        "{",
        "}",
        "\"",
        "\\",
        "\0",
    ]);
    prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat())
}

/// Expressions that parse.
fn well_formed() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "github",
        "github.event.list",
        "secrets.TOKEN",
        "secrets",
        "env.A",
        "'x'",
        "''",
        "'[1]'",
        "1",
        "-0",
        "NaN",
        "true",
        "null",
        "secrets.*",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(6, 60, 4, |inner| {
        let one = inner.clone();
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            (
                two.clone(),
                prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">=", "&&", "||"])
            )
                .prop_map(|((a, b), op)| format!("({a} {op} {b})")),
            one.clone().prop_map(|a| format!("!{a}")),
            (
                two.clone(),
                prop::sample::select(vec!["contains", "startsWith", "endsWith", "join", "format"])
            )
                .prop_map(|((a, b), name)| format!("{name}({a}, {b})")),
            (
                one.clone(),
                prop::sample::select(vec!["toJSON", "fromJSON", "join", "hashFiles"])
            )
                .prop_map(|(a, name)| format!("{name}({a})")),
            two.prop_map(|(a, b)| format!("({a})[{b}]")),
            one.clone().prop_map(|a| format!("({a}).*")),
            (one.clone(), one.clone(), one).prop_map(|(a, b, c)| format!("case({a}, {b}, {c})")),
        ]
    })
}

fn try_everything(text: &str) -> Result<(), TestCaseError> {
    let contexts = contexts();
    let mut errors = Vec::new();
    for status in [JobStatus::Success, JobStatus::Failure] {
        let scope = Scope {
            contexts: &contexts,
            status,
            files: None,
        };
        errors.extend(evaluate(text, &scope).err());
        errors.extend(condition(text, &scope).err());
        errors.extend(interpolate(text, &scope).err());
        errors.extend(interpolate_value(text, &scope).err());
    }
    errors.extend(check(text, Place::StepIf));
    errors.extend(check(text, Place::StepRun));
    for span in untrusted_references(text) {
        prop_assert!(text[span.range.clone()].starts_with("${{") && text[span.range].ends_with("}}"));
    }
    for error in errors {
        prop_assert!(error.offset <= text.len(), "{error}");
        prop_assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_text_gets_an_answer(text in any::<String>()) {
        try_everything(&text)?;
        try_everything(&format!("${{{{{text}}}}}"))?;
    }

    #[test]
    fn any_mixture_of_tokens_gets_an_answer(text in soup()) {
        try_everything(&text)?;
        try_everything(&format!("a ${{{{ {text} }}}} b"))?;
    }

    #[test]
    fn well_formed_expressions_are_parsed_and_keep_their_secrets(text in well_formed()) {
        try_everything(&text)?;
        let contexts = contexts();
        let scope = Scope { contexts: &contexts, status: JobStatus::Success, files: None };
        if let Err(error) = evaluate(&text, &scope) {
            prop_assert_ne!(error.kind, checkmill_workflow::expr::ErrorKind::Syntax, "{}", error);
        }
    }

    #[test]
    fn text_without_expressions_stays(text in "[^$]*") {
        let contexts = Map::new();
        let scope = Scope { contexts: &contexts, status: JobStatus::Success, files: None };
        prop_assert_eq!(interpolate(&text, &scope), Ok(text));
    }

    #[test]
    fn a_string_literal_gives_its_text(text in any::<String>()) {
        let contexts = Map::new();
        let scope = Scope { contexts: &contexts, status: JobStatus::Success, files: None };
        let expression = format!("${{{{ '{}' }}}}", text.replace('\'', "''"));
        prop_assert_eq!(interpolate(&expression, &scope), Ok(text));
    }

    #[test]
    fn json_survives_to_and_from(value in json_value()) {
        let contexts = Map::from_iter([("vars".to_owned(), value.clone())]);
        let scope = Scope { contexts: &contexts, status: JobStatus::Success, files: None };
        prop_assert_eq!(evaluate("fromJSON(toJSON(vars))", &scope), Ok(value));
    }

    /// The comparison operators agree with one another.
    #[test]
    fn comparisons_are_consistent(a in well_formed(), b in well_formed()) {
        let contexts = contexts();
        let scope = Scope { contexts: &contexts, status: JobStatus::Success, files: None };
        let compare = |op: &str| evaluate(&format!("({a}) {op} ({b})"), &scope).map(|value| value == json!(true));
        if let (Ok(less), Ok(greater), Ok(equal)) = (compare("<"), compare(">"), compare("==")) {
            prop_assert!(u8::from(less) + u8::from(greater) + u8::from(equal) <= 1);
            prop_assert_eq!(compare("<="), Ok(less || equal));
            prop_assert_eq!(compare(">="), Ok(greater || equal));
            prop_assert_eq!(compare("!="), Ok(!equal));
        }
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 30, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Deep and long texts on a thread with a small stack.
#[test]
fn nothing_overflows_the_stack() {
    let texts = [
        "(".repeat(20_000),
        format!("{}1", "!".repeat(20_000)),
        format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000)),
        "github[".repeat(3_000),
        "format(".repeat(2_900),
        format!("1{}", "<1".repeat(9_900)),
        format!("1{}", "<1".repeat(1_000)),
        format!("1{}", "||1".repeat(1_000)),
        format!("1{}", "==1&&1".repeat(400)),
        format!("contains(1) || {}", "contains(".repeat(2_000)),
        format!("fromJSON('{}')", "[".repeat(20_000)),
        format!("fromJSON('{}{}')", "[".repeat(127), "]".repeat(127)),
        format!("toJSON(fromJSON('{}{}'))", "[".repeat(127), "]".repeat(127)),
        format!("github{}", ".*".repeat(10_000)),
        format!("{}'x'{}", "case(true,".repeat(40), ",1)".repeat(40)),
    ];
    let small = std::thread::Builder::new().stack_size(1024 * 1024);
    let thread = small.spawn(move || {
        for text in texts {
            try_everything(&text).expect("an answer");
            try_everything(&format!("${{{{{text}}}}}")).expect("an answer");
        }
    });
    thread.expect("a thread").join().expect("no panic");
}

use super::*;
use crate::actions::pulls::NewPullRequest;
use crate::actions::push::{NewCommit, Onto};
use crate::actions::setup::{NewApp, NewRepository};
use crate::clock::{FakeClock, START, TimeSource};
use crate::key::{TEST_ONLY_APP_KEY_PEM, sign_jwt};
use crate::server::route::Route;
use crate::state::account::{Token, TokenKind};
use crate::state::permission::Permissions;
use crate::state::{Setup, Urls};
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// Every world starts at the same time, so one token will do: signing is slow.
static JWT: LazyLock<String> = LazyLock::new(|| {
    let now = START.0 / 1000;
    sign_jwt(
        TEST_ONLY_APP_KEY_PEM,
        &json!({ "iat": now, "exp": now + 60, "iss": 1 }),
    )
    .unwrap()
});

/// A state with one repository, a pull request, a check and a comment; and the credentials of a person, an installation,
/// the App, and nobody.
fn world() -> (State, [String; 4]) {
    let mut state = State::new(Setup {
        urls: Urls {
            api: "http://api".to_owned(),
            web: "http://web".to_owned(),
        },
        time: TimeSource::Fake(FakeClock::default()),
        echoes: true,
        webhook_secret: "x".to_owned(),
        seed: String::new(),
    });
    state.add_app(Some(1), NewApp::default()).unwrap();
    let repository = NewRepository::new("o/r")
        .file("a/b.txt", "text\n")
        .file("c", [0, 255]);
    state.add_repository(repository).unwrap();
    let commit = NewCommit::new("x").write("x", "y");
    let sha = state.push("o/r", "topic", Onto::Head, vec![commit]).unwrap();
    state
        .open_pull_request(NewPullRequest::new("o/r", "topic"))
        .unwrap();
    state.comment("o/r", 1, "o", "hi").unwrap();
    let person = state.personal_token("o").unwrap();
    let record = Token {
        kind: TokenKind::Installation {
            installation: *state.installations.keys().next().unwrap(),
            repositories: None,
            permissions: Permissions::of_checkmill(),
        },
        created_at: state.now(),
        expires_at: None,
        revoked: false,
    };
    let installation = "ghs_test".to_owned();
    state.tokens.insert(installation.clone(), record);
    let app = JWT.clone();
    let check = json!({ "name": "ci", "head_sha": sha.as_str() });
    let made = ask(
        &mut state,
        "POST",
        "/repos/o/r/check-runs".parse().unwrap(),
        &installation,
        &check,
    );
    assert_eq!(made.status, 201);
    (state, [person, installation, app, "a.b.c".to_owned()])
}

fn ask(state: &mut State, method: &str, uri: http::Uri, token: &str, body: &Value) -> Reply {
    let mut headers = HeaderMap::new();
    headers.insert("user-agent", HeaderValue::from_static("x"));
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    let raw = RawRequest {
        method: method.parse().unwrap(),
        uri,
        headers,
        body: Bytes::from(body.to_string()),
    };
    handle(state, &raw).0
}

/// JSON made of the words that the API knows, so that it gets past the first check.
fn body() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "name",
        "head_sha",
        "status",
        "completed",
        "conclusion",
        "success",
        "output",
        "title",
        "summary",
        "annotations",
        "path",
        "start_line",
        "actions",
        "label",
        "body",
        "query",
        "variables",
        "permissions",
        "{ repository(owner: \"o\", name: \"r\") { object(expression: \"HEAD:a\") { ... on Tree { entries { name } } } } }",
        "HEAD:",
        "ä",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..4).prop_map(|pairs| {
                pairs
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect()
            }),
        ]
    })
}

fn filled(route: Route, parameter: &str, query: &str) -> Option<http::Uri> {
    let (_, path) = route.name().split_once(' ')?;
    let path = path.replace("{owner}", "o").replace("{repo}", "r");
    let path: Vec<&str> = path
        .split('/')
        .map(|part| if part.starts_with('{') { parameter } else { part })
        .collect();
    format!("{}?{query}", path.join("/")).parse().ok()
}

proptest! {
    #[test]
    fn no_request_makes_it_panic_or_answers_nonsense(
        route in prop::sample::select(Route::ALL.to_vec()),
        parameter in prop_oneof![
            "[a-zA-Z0-9%./:~-]{0,12}",
            prop::sample::select(vec!["1", "5001", "3001", "8001", "7001", "HEAD", "main", "a", "a/b.txt", "c", "main...main", "heads/main", "o"])
                .prop_map(str::to_owned),
        ],
        query in prop_oneof![
            "[a-z_=&%0-9+]{0,20}",
            prop::sample::select(vec!["page=0&per_page=0", "page=99999999999999999999", "ref=main", "per_page=18446744073709551615&page=18446744073709551615", "filter=all", "cursor=v1_1"])
                .prop_map(str::to_owned),
        ],
        body in body(),
        who in 0_usize..4,
    ) {
        let (mut state, tokens) = world();
        let Some(uri) = filled(route, &parameter, &query) else { return Ok(()) };
        let (method, _) = route.name().split_once(' ').unwrap();
        let reply = ask(&mut state, method, uri, &tokens[who], &body);
        prop_assert!((200..500).contains(&reply.status), "{}", reply.status);
        if reply.status >= 400 {
            let shown: Value = serde_json::from_slice(&reply.body).unwrap();
            prop_assert!(shown["message"].is_string() && shown["documentation_url"].is_string());
        }
    }

    #[test]
    fn no_query_makes_it_panic(query in "[{}()\\[\\]a-z$!:.\" \\n@]{0,60}") {
        let (mut state, [person, ..]) = world();
        let reply = ask(&mut state, "POST", "/graphql".parse().unwrap(), &person, &json!({ "query": query }));
        prop_assert_eq!(reply.status, 200);
    }
}

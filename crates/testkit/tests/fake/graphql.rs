//! GraphQL: what a query gives, and what is wrong with one.

use crate::bench::{Bench, REPO};
use checkmill_testkit::{NewCommit, NewRepository};
use serde_json::{Value, json};

async fn ask(bench: &Bench, token: &str, query: &str, variables: Value) -> Value {
    let body = json!({ "query": query, "variables": variables });
    let answer = bench.request("POST", "/graphql", token, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn objects_by_expression() {
    let bench = Bench::new().await;
    let commit = NewCommit::new("Head\n\nBody")
        .by("ann")
        .write("d/a.yml", "a: 1\n")
        .write("d/b.bin", [0, 1, 2])
        .write("d/c.txt", [0xff, 0xfe, b'x'])
        .write("d/sub/e.txt", "e");
    let sha = bench.fake.push(REPO, "topic", commit).unwrap();
    let token = bench.token(json!({})).await;
    let query = "query($topic: String!) { repository(owner: \"acme\", name: \"widgets\") {
        nameWithOwner
        defaultBranchRef { name prefix target { oid ... on Commit { messageHeadline } } }
        topic: object(expression: $topic) { __typename oid ...Files }
        one: object(expression: \"topic:d/a.yml\") { ... on Blob { text } ... on Tree { entries { name } } }
        policy: object(expression: \"HEAD:d/a.yml\") { oid }
        root: object(expression: \"HEAD:\") { ... on Tree { entries { path mode } } }
        commit: object(expression: \"refs/heads/topic\") { ... on Commit { message messageHeadline messageBody author { name } file(path: \"d\") { type } } }
        nothing: object(expression: \"nobranch:x\") { oid }
        missing: ref(qualifiedName: \"refs/heads/none\") { name }
    } }
    fragment Files on Tree { entries { name type extension object { ... on Blob { text isBinary isTruncated byteSize } } } }";
    let answer = ask(&bench, &token, query, json!({ "topic": format!("{sha}:d") })).await;
    assert_eq!(answer["errors"], Value::Null, "{answer}");
    let repo = &answer["data"]["repository"];
    assert_eq!(repo["nameWithOwner"], REPO);
    assert_eq!(
        repo["defaultBranchRef"],
        json!({ "name": "main", "prefix": "refs/heads/", "target": { "oid": bench.sha, "messageHeadline": "Initial commit" } })
    );
    assert_eq!(repo["topic"]["__typename"], "Tree");
    assert_eq!(
        repo["topic"]["entries"],
        json!([
            { "name": "a.yml", "type": "blob", "extension": ".yml", "object": { "text": "a: 1\n", "isBinary": false, "isTruncated": false, "byteSize": 5 } },
            { "name": "b.bin", "type": "blob", "extension": ".bin", "object": { "text": null, "isBinary": true, "isTruncated": false, "byteSize": 3 } },
            { "name": "c.txt", "type": "blob", "extension": ".txt", "object": { "text": null, "isBinary": true, "isTruncated": false, "byteSize": 3 } },
            { "name": "sub", "type": "tree", "extension": "", "object": {} },
        ])
    );
    assert_eq!(repo["one"], json!({ "text": "a: 1\n" }));
    assert_eq!(repo["policy"], Value::Null);
    assert_eq!(
        repo["root"]["entries"],
        json!([{ "path": "README.md", "mode": 33188 }])
    );
    assert_eq!(
        repo["commit"],
        json!({ "message": "Head\n\nBody", "messageHeadline": "Head", "messageBody": "Body", "author": { "name": "ann" }, "file": { "type": "tree" } })
    );
    assert_eq!((&repo["nothing"], &repo["missing"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn large_texts_are_cut_at_512000_bytes_and_say_so() {
    let bench = Bench::new().await;
    let fits = "x".repeat(512_000);
    // The cut would fall into the two bytes of the last character.
    let over = format!("{}ü", "x".repeat(511_999));
    let commit = NewCommit::new("Big").write("fits", &fits).write("over", &over);
    bench.fake.push(REPO, "main", commit).unwrap();
    let token = bench.token(json!({})).await;
    let query = "{ repository(owner: \"acme\", name: \"widgets\") {
        fits: object(expression: \"HEAD:fits\") { ...B } over: object(expression: \"HEAD:over\") { ...B } } }
        fragment B on Blob { isTruncated text byteSize }";
    let repo = &ask(&bench, &token, query, json!({})).await["data"]["repository"];
    assert_eq!(
        (
            &repo["fits"]["isTruncated"],
            repo["fits"]["text"].as_str().unwrap().len()
        ),
        (&json!(false), 512_000)
    );
    assert_eq!(
        (
            &repo["over"]["isTruncated"],
            repo["over"]["text"].as_str().unwrap().len()
        ),
        (&json!(true), 511_999)
    );
    assert_eq!(repo["over"]["byteSize"], 512_001);
}

#[tokio::test]
async fn a_query_that_does_not_fit_the_schema_is_refused_whole() {
    let bench = Bench::new().await;
    let token = bench.token(json!({})).await;
    let in_repo = |inner: &str| format!("{{ repository(owner: \"acme\", name: \"widgets\") {{ {inner} }} }}");
    let table = [
        (
            in_repo("colour"),
            "Field 'colour' doesn't exist on type 'Repository'",
        ),
        (
            in_repo("object(expression: \"HEAD\") { text }"),
            "Field 'text' doesn't exist on type 'GitObject'",
        ),
        (
            in_repo("object(expression: \"HEAD\") { ... on Blob { colour } }"),
            "doesn't exist on type 'Blob'",
        ),
        (
            in_repo("object(expression: \"HEAD\") { ... on Nothing { x } }"),
            "No such type Nothing",
        ),
        (
            in_repo("object(expression: \"HEAD\") { ... on Repository { id } }"),
            "can't be spread inside GitObject",
        ),
        (
            in_repo("object(path: \"HEAD\") { oid }"),
            "Field 'object' doesn't accept argument 'path'",
        ),
        (
            in_repo("object(expression: 5) { oid }"),
            "has an invalid value (5). Expected type 'String'",
        ),
        (
            in_repo("object(expression: $x) { oid }"),
            "Variable $x is used but not declared",
        ),
        (
            in_repo("object(expression: \"HEAD\")"),
            "Field must have selections",
        ),
        (in_repo("name { x }"), "Selections can't be made on scalars"),
        (
            in_repo("ref { name }"),
            "missing required arguments: qualifiedName",
        ),
        (
            in_repo("...Missing"),
            "Fragment Missing was used, but not defined",
        ),
        (
            "{ repository(owner: \"acme\") { id } }".to_owned(),
            "missing required arguments: name",
        ),
        (
            "{ viewer { login } }".to_owned(),
            "Field 'viewer' doesn't exist on type 'Query'",
        ),
        ("mutation { x }".to_owned(), "queries only"),
        ("{ repository(".to_owned(), "query parse error"),
        (String::new(), "query parse error"),
        ("{".repeat(1000), "nested too deeply"),
        (
            "{ ...A } fragment A on Query { ...A }".to_owned(),
            "nested too deeply, or a fragment includes itself",
        ),
        (
            "query($x: String!) { rateLimit { cost } }".to_owned(),
            "Variable $x of type String! was provided invalid value",
        ),
    ];
    for (query, message) in table {
        let answer = ask(&bench, &token, &query, json!({})).await;
        let shown = answer["errors"][0]["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(shown.contains(message), "{query}: {answer}");
        assert_eq!(answer["data"], Value::Null, "{query}");
    }
    let no_query = bench.request("POST", "/graphql", &token, json!({})).await;
    assert_eq!(no_query.status, 400);
}

#[tokio::test]
async fn what_cannot_be_seen_is_null_with_an_error_beside_it() {
    let bench = Bench::new().await;
    bench
        .fake
        .add_repository(
            NewRepository::new("rival/secret")
                .private()
                .not_installed()
                .file("a", "b"),
        )
        .unwrap();
    let token = bench.token(json!({ "permissions": { "checks": "read" } })).await;
    let query =
        "{ mine: repository(owner: \"acme\", name: \"widgets\") { name object(expression: \"HEAD\") { oid } }
        theirs: repository(owner: \"rival\", name: \"secret\") { name } }";
    let answer = ask(&bench, &token, query, json!({})).await;
    assert_eq!(
        answer["data"],
        json!({ "mine": { "name": "widgets", "object": null }, "theirs": null })
    );
    let errors: Vec<String> = answer["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| {
            format!(
                "{} {} {}",
                e["type"].as_str().unwrap(),
                e["path"],
                e["message"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        errors,
        [
            "FORBIDDEN [\"mine\",\"object\"] Resource not accessible by integration",
            "NOT_FOUND [\"theirs\"] Could not resolve to a Repository with the name 'rival/secret'.",
        ]
    );
}

#[tokio::test]
async fn directives_and_repeated_keys() {
    let bench = Bench::new().await;
    let token = bench.token(json!({})).await;
    let query =
        "query($yes: Boolean!, $name: String = \"widgets\") { repository(owner: \"acme\", name: $name) {
        id @skip(if: $yes) name @include(if: $yes)
        object(expression: \"HEAD\") { oid } object(expression: \"HEAD\") { ... on Commit { message } } } }";
    let answer = ask(&bench, &token, query, json!({ "yes": true })).await;
    assert_eq!(
        answer["data"]["repository"],
        json!({ "name": "widgets", "object": { "oid": bench.sha, "message": "Initial commit" } })
    );
}

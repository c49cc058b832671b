//! What the tests of the fake's own rules share: a world of one repository, and a client that speaks plain HTTP.

use checkmill_testkit::client::{self, Answer};
use checkmill_testkit::key::{TEST_ONLY_APP_KEY_PEM, sign_jwt};
use checkmill_testkit::{FakeGitHub, NewRepository, Options};
use http::Method;
use serde_json::{Value, json};

pub(crate) const REPO: &str = "acme/widgets";

pub(crate) struct Bench {
    pub(crate) fake: FakeGitHub,
    pub(crate) installation: u64,
    /// The head of `main`.
    pub(crate) sha: String,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let fake = FakeGitHub::start(options).await.unwrap();
        let repository = NewRepository::new(REPO).private().file("README.md", "Hello\n");
        fake.add_repository(repository).unwrap();
        let installation = fake.installation(1, "acme").unwrap().0;
        let sha = fake.read(|s| {
            let repo = s.repository(&REPO.parse().unwrap()).unwrap();
            repo.branch("main").unwrap().to_string()
        });
        Self {
            fake,
            installation,
            sha,
        }
    }

    pub(crate) fn now_secs(&self) -> u64 {
        self.fake.clock().unwrap().now().0 / 1000
    }

    pub(crate) fn jwt(&self) -> String {
        let now = self.now_secs();
        let claims = json!({ "iat": now - 60, "exp": now + 540, "iss": "1" });
        sign_jwt(TEST_ONLY_APP_KEY_PEM, &claims).unwrap()
    }

    pub(crate) async fn request(&self, method: &str, path: &str, token: &str, body: Value) -> Answer {
        let authorization = format!("Bearer {token}");
        let headers = [
            ("user-agent", "bench"),
            ("accept", "application/vnd.github+json"),
            ("authorization", authorization.as_str()),
        ];
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let url = format!("{}{path}", self.fake.url());
        let method: Method = method.parse().unwrap();
        client::send(method, &url, &headers, body).await.unwrap()
    }

    /// A token with everything that the installation has, or what `body` asks for.
    pub(crate) async fn token(&self, body: Value) -> String {
        let path = format!("/app/installations/{}/access_tokens", self.installation);
        let answer = self.request("POST", &path, &self.jwt(), body).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Answer {
        self.request("GET", path, token, Value::Null).await
    }
}

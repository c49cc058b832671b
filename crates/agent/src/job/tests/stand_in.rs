//! `services` with a strict stand-in for docker: what a registry answers, and what docker is told.

use crate::testing::{JOB_TOKEN, Ran, World, run};
use checkmill_workflow::job::JobVerdict;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

const DOCKER: &str = include_str!("stand_in.sh");

struct Docker {
    temp: tempfile::TempDir,
}

impl Docker {
    fn new() -> Self {
        let docker = Self {
            temp: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(docker.temp.path().join("state")).unwrap();
        fs::create_dir(docker.temp.path().join("bin")).unwrap();
        let program = docker.temp.path().join("bin/docker");
        fs::write(&program, DOCKER).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        docker
    }

    fn state(&self, name: &str) -> PathBuf {
        self.temp.path().join("state").join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.state(name)).unwrap_or_default()
    }

    async fn run(&self, services: Value, step: &str) -> Ran {
        let mut world = World::new(json!([run(step)])).with("services", services);
        let path = format!("{}:/usr/bin:/bin", self.temp.path().join("bin").display());
        let state = self.state("").display().to_string();
        let variables = [("PATH".to_owned(), path), ("STATE".to_owned(), state)];
        world.surroundings.environment.extend(variables);
        let ran = world.run().await;
        for kind in ["containers", "networks", "volumes"] {
            let left = fs::read_dir(self.state(kind)).map_or(0, Iterator::count);
            assert_eq!(left, 0, "{kind} are left\n{}", ran.log);
        }
        ran
    }
}

#[tokio::test]
async fn a_private_image_is_pulled_once_the_network_is_there_and_its_login_is_nobodys_to_see() {
    let docker = Docker::new();
    let services = json!([{
        "id": "db", "image": "ghcr.io/octo/flaky:1",
        "credentials": {"username": "${{ github.ref_name }}", "password": "${{ github.token }}"},
        "env": {"TOKEN": "${{ github.token }}"}, "ports": ["80"], "volumes": ["data:/data"],
        "options": ["--health-cmd=x"],
    }]);
    let ran = docker
        .run(
            services,
            "echo port ${{ job.services.db.ports['80'] }} ${{ job.services.db.id }}",
        )
        .await;
    assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
    let name = "checkmill-0123456789abcdef-01234567-1";
    assert!(
        ran.log.contains(&format!("\nport 32768 id-{name}-db\n")),
        "{}",
        ran.log
    );
    assert!(ran.log.contains("i/o timeout; it is tried again."), "{}", ran.log);
    assert!(ran.log.contains(&format!("\nlog of {name}-db\n")), "{}", ran.log);
    let calls = docker.text("calls");
    assert!(!calls.contains(JOB_TOKEN) && !calls.contains("bWFpbj"), "{calls}");
    let create = calls.lines().find(|line| line.starts_with("create")).unwrap();
    assert_eq!(
        create,
        format!(
            "create --name {name}-db --label checkmill.attempt=0123456789abcdef-01234567-1 --network {name} --stop-timeout 0 --network-alias db \
             --publish 127.0.0.1::80 --volume {name}-data:/data --health-cmd=x --env TOKEN ghcr.io/octo/flaky:1"
        )
    );
    // `main` and the token; twice, for it was tried twice.
    let configs = docker.text("configs");
    assert_eq!(
        configs.matches(r#"{"auths":{"ghcr.io":{"auth":"bWFpbj"#).count(),
        2,
        "{configs}"
    );
    let pull = calls.lines().find(|line| line.contains(" pull ")).unwrap();
    let directory = pull.split(' ').nth(1).unwrap();
    assert!(
        directory.ends_with("/login") && !PathBuf::from(directory).exists(),
        "{pull}"
    );
}

#[tokio::test]
async fn an_image_that_there_is_not_is_the_workflows_fault_and_is_asked_for_once() {
    let docker = Docker::new();
    let ran = docker
        .run(json!([{"id": "db", "image": "none:1"}]), "echo never")
        .await;
    assert_eq!(ran.result.conclusion, JobVerdict::Configuration, "{}", ran.log);
    insta::assert_snapshot!(ran.result.detail, @r#"
    Step "Initialize containers" can't be run: The image docker.io/library/none:1 of the service db is not to be had: Error response from daemon: manifest for docker.io/library/none:1 not found: manifest unknown
    "#);
    assert_eq!(docker.text("calls").matches("pull").count(), 1);
    assert!(!ran.log.contains("never"), "{}", ran.log);
}

#[tokio::test]
async fn what_docker_refuses_is_said_in_its_words() {
    let docker = Docker::new();
    let services = json!([{"id": "db", "image": "db:1", "options": ["--no-such-option=1"]}]);
    let ran = docker.run(services, "echo never").await;
    assert_eq!(ran.result.conclusion, JobVerdict::Configuration, "{}", ran.log);
    assert_eq!(
        ran.result.detail,
        "Step \"Initialize containers\" can't be run: The service db can't be started: unknown flag: --no-such-option=1"
    );
}

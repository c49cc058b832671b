//! `container` and `services`: what the agent is told, and what is wrong with them.

use crate::support::{World, attempt, job, key, no_environments, run_id};
use checkmill_core::JobId;
use checkmill_core::conclusion::NeedsResult;
use checkmill_core::policy::ContainerPolicy;
use checkmill_workflow::{AttemptInfo, parse};
use serde_json::{Value, json};

/// The container and the services of the job, or what is wrong.
fn told_by(world: &World, containers: ContainerPolicy) -> Result<Value, String> {
    let id = JobId::derive(&run_id(), &key("build"), "");
    let attempt = AttemptInfo {
        containers,
        ..attempt(world, &id, no_environments())
    };
    let described =
        checkmill_workflow::describe(&world.workflow, &key("build"), "", &world.context(), attempt);
    let described = described.map_err(|wrong| wrong.to_string())?;
    Ok(json!({"container": described.container, "services": described.services}))
}

fn told(lines: &str) -> Value {
    told_by(&world(lines), ContainerPolicy::Restricted).unwrap()
}

fn world(lines: &str) -> World {
    World::new(&job(lines))
}

fn wrong(lines: &str) -> String {
    parse(crate::support::PATH, &job(lines)).unwrap_err().to_string()
}

const EVERYTHING: &str = "\
container:
  image: node:${{ github.ref_name }}
  credentials: {username: mona, password: '${{ secrets.TOKEN }}'}
  env: {A: '${{ secrets.A }}', B: 1.10}
  ports: [80, '8080:80/udp']
  volumes: ['data:/data', '${{ github.workspace }}/x:/x:ro']
  options: --cpus 1 --health-cmd \"curl -f x\"
services:
  db:
    image: docker://postgres:17
    entrypoint: /run.sh --verbose
    command: -c 'fsync = off'
  cache: redis
  none: {image: \"${{ github.event_name == 'x' && 'nginx' || '' }}\", ports: [80]}
";

#[test]
fn what_is_evaluated_and_what_is_left_to_the_agent() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&told(EVERYTHING)).unwrap(), @r#"
    {
      "container": {
        "credentials": {
          "password": "${{ secrets.TOKEN }}",
          "username": "mona"
        },
        "env": {
          "A": "${{ secrets.A }}",
          "B": "1.1"
        },
        "image": "node:main",
        "options": [
          "--cpus=1",
          "--health-cmd=curl -f x"
        ],
        "ports": [
          "80",
          "8080:80/udp"
        ],
        "volumes": [
          "data:/data",
          "/__w/hello/hello/x:/x:ro"
        ]
      },
      "services": [
        {
          "command": [
            "--verbose",
            "-c",
            "fsync = off"
          ],
          "entrypoint": "/run.sh",
          "id": "db",
          "image": "postgres:17"
        },
        {
          "id": "cache",
          "image": "redis"
        }
      ]
    }
    "#);
}

#[test]
fn an_image_alone_and_none_at_all() {
    let image = |lines: &str| told(lines)["container"]["image"].as_str().map(str::to_owned);
    assert_eq!(image("container: node:22").as_deref(), Some("node:22"));
    assert_eq!(image("container: ${{ github.nothing }}"), None);
    assert_eq!(image("container: {image: ''}"), None);
    assert_eq!(told("services: {}")["services"], json!([]));
    assert_eq!(told("services: ${{ github.nothing }}")["services"], json!([]));
}

#[test]
fn what_an_expression_makes_is_not_evaluated_again() {
    let text = "\
needs: plan
container: ${{ fromJSON(needs.plan.outputs.container) }}
services: ${{ fromJSON(needs.plan.outputs.services) }}
";
    let text = format!(
        "{}  plan:\n    runs-on: linux\n    steps:\n      - run: make\n",
        job(text)
    );
    let container = r#"{"image": "node:22", "env": {"A": "${{ secrets.TOKEN }}"}}"#;
    let services = r#"{"db": "postgres", "web": {"image": "nginx", "ports": [80]}}"#;
    let world = World::new(&text).ended(
        "plan",
        NeedsResult::Success,
        &[("container", container), ("services", services)],
    );
    let told = told_by(&world, ContainerPolicy::Restricted).unwrap();
    assert_eq!(told["container"]["env"]["A"], "${{ '${{' }} secrets.TOKEN }}");
    assert_eq!(told["services"][1]["ports"], json!(["80"]));
    let privileged = r#"{"image": "node:22", "options": "--privileged"}"#;
    let world = world.ended(
        "plan",
        NeedsResult::Success,
        &[("container", privileged), ("services", "{}")],
    );
    let refused = told_by(&world, ContainerPolicy::Restricted).unwrap_err();
    assert!(refused.contains("does not allow `--privileged`"), "{refused}");
}

#[test]
fn what_reaches_out_of_a_container_is_for_a_policy_that_allows_it() {
    let text = "container: {image: x, options: --privileged, volumes: ['/:/host']}\n";
    insta::assert_snapshot!(told_by(&world(text), ContainerPolicy::Restricted).unwrap_err(), @"
    .checkmill/workflows/ci.yml:5:36: the repository's policy does not allow `--privileged`, which reaches out of the container
    5 |     container: {image: x, options: --privileged, volumes: ['/:/host']}
      |                                    ^^^^^^^^^^^^
      = help: allow it with `containers: any` in `.checkmill/config.yml` of the default branch

    .checkmill/workflows/ci.yml:5:60: the repository's policy does not allow the volume `/:/host`, a path of the machine
    5 |     container: {image: x, options: --privileged, volumes: ['/:/host']}
      |                                                            ^^^^^^^^^
      = help: allow it with `containers: any` in `.checkmill/config.yml` of the default branch
    ");
    let told = told_by(&world(text), ContainerPolicy::Any).unwrap();
    assert_eq!(
        told["container"],
        json!({"image": "x", "options": ["--privileged"], "volumes": ["/:/host"], "engine_socket": true})
    );
    for volume in [
        "/var/run/docker.sock:/var/run/docker.sock",
        "/__w/../x:/x",
        "/__work:/x",
    ] {
        let text = format!("services: {{db: {{image: x, volumes: ['{volume}']}}}}\n");
        let refused = told_by(&world(&text), ContainerPolicy::Restricted).unwrap_err();
        assert!(refused.contains("a path of the machine"), "{volume}: {refused}");
    }
}

#[test]
fn mistakes_at_their_places() {
    let text = "\
container:
  img: node
  ports: [http, {a: b}]
  volumes: ['./x:/x', 'a:b']
  options: --network host
  credentials: {username: mona}
  env: {A: '${{ steps.x.outputs.y }}'}
services:
  db:
    image: 'a b'
    options: --helth-cmd x
    ports: 80
  1x: redis
  web:
    image: nginx
    options: --label x=${{ github.event.pull_request.title }}
    command: it's
";
    insta::assert_snapshot!(wrong(text), @"
    .checkmill/workflows/ci.yml:6:7: `container` has no `image`
    6 |       img: node
      |       ^

    .checkmill/workflows/ci.yml:6:7: unknown key `img` in `container`
    6 |       img: node
      |       ^^^
      = help: did you mean `image`?

    .checkmill/workflows/ci.yml:7:15: `http` is not a port
    7 |       ports: [http, {a: b}]
      |               ^^^^
      = help: write `80`, `8080:80` or `127.0.0.1:8080:80/tcp`

    .checkmill/workflows/ci.yml:7:21: an item of `ports` must be a text, not a mapping
    7 |       ports: [http, {a: b}]
      |                     ^

    .checkmill/workflows/ci.yml:8:17: `./x:/x` is not a volume
    8 |       volumes: ['./x:/x', 'a:b']
      |                 ^^^^^^^^
      = help: write `name:/path`, `/path` or `/source:/path`, with `:ro` behind it for one that is only read

    .checkmill/workflows/ci.yml:8:27: `a:b` is not a volume
    8 |       volumes: ['./x:/x', 'a:b']
      |                           ^^^^^
      = help: write `name:/path`, `/path` or `/source:/path`, with `:ro` behind it for one that is only read

    .checkmill/workflows/ci.yml:9:16: `options` can't have `--network`
    9 |       options: --network host
      |                ^^^^^^^^^^^^^^
      = help: remove it; every job has a network of its own, on which its services have their ids as names

    .checkmill/workflows/ci.yml:10:20: `credentials` has no `password`
    10 |       credentials: {username: mona}
       |                    ^

    .checkmill/workflows/ci.yml:11:21: the context `steps` can't be used in `jobs.<job_id>.container.env.<env_id>`
    11 |       env: {A: '${{ steps.x.outputs.y }}'}
       |                     ^^^^^
      = help: the contexts here are github, needs, strategy, matrix, job, runner, env, vars, secrets, inputs

    .checkmill/workflows/ci.yml:14:16: `a b` is not an image reference
    14 |         image: 'a b'
       |                ^^^^^
      = help: write it as `ubuntu:22.04` or `ghcr.io/owner/image:tag`

    .checkmill/workflows/ci.yml:15:18: `--helth-cmd` is no option of `docker create`
    15 |         options: --helth-cmd x
       |                  ^^^^^^^^^^^^^
      = help: did you mean `--health-cmd`?

    .checkmill/workflows/ci.yml:16:16: `ports` must be a list, not a number
    16 |         ports: 80
       |                ^^

    .checkmill/workflows/ci.yml:17:7: the service id `1x` must begin with a letter or `_`, and have letters, digits, `-` and `_` only, at most 100
    17 |       1x: redis
       |       ^^

    .checkmill/workflows/ci.yml:20:18: `options` must not hold text that outsiders may choose, such as a branch or a title
    20 |         options: --label x=${{ github.event.pull_request.title }}
       |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: pass it with `env`

    .checkmill/workflows/ci.yml:21:18: `command` has a ' that is not closed
    21 |         command: it's
       |                  ^^^^
    ");
    let empty = wrong("container:\n");
    assert!(empty.contains("`container` is empty"), "{empty}");
    let secret = wrong("container: 'node:${{ secrets.X }}'\n");
    assert!(secret.contains("secrets"), "{secret}");
}

#[test]
fn a_job_that_calls_a_workflow_has_no_containers() {
    let text = "on: push\njobs:\n  a:\n    uses: ./.checkmill/workflows/b.yml\n    container: x\n    services: {db: y}\n";
    let wrong = parse(crate::support::PATH, text).unwrap_err().to_string();
    assert!(wrong.contains("`container` can't stand beside `uses`"), "{wrong}");
    assert!(wrong.contains("`services` can't stand beside `uses`"), "{wrong}");
}

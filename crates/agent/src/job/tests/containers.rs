//! `container` and `services`, with every real engine of this machine.

use super::actions::{Server, checkout, uses};
use super::engine::Engine;
use crate::container::clean;
use crate::environment::Variables;
use crate::job::control::StopReason;
use crate::testing::{World, appears, run, run_with};
use checkmill_backends::attempt::{AttemptDir, JOB_FILE};
use checkmill_workflow::job::JobVerdict;
use serde_json::{Value, json};
use std::time::Duration;

/// A server that greets whoever comes, and says so.
fn greeter(engine: &Engine, keys: &Value) -> Value {
    let mut service = json!({
        "id": "web", "image": engine.image,
        "entrypoint": "/bin/sh",
        "command": ["-c", "echo up with $TOKEN; exec nc -ll -p 8080 -e echo hello from web"],
        "options": ["--health-cmd=nc 127.0.0.1 8080", "--health-interval=1s", "--health-retries=20"],
    });
    let keys = keys.as_object().unwrap().clone();
    service.as_object_mut().unwrap().extend(keys);
    service
}

/// The lines of a log that begin so.
fn lines(log: &str, beginnings: &[&str]) -> String {
    let wanted = |line: &&str| beginnings.iter().any(|beginning| line.starts_with(beginning));
    log.lines().filter(wanted).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn steps_run_in_the_container_beside_its_service() {
    for engine in Engine::all("inside") {
        let server = Server::new();
        server.commit("octo/hello", &[("file", "content"), ("sub/x", "")]);
        let world = engine.world(server.world(json!([
            checkout(),
            run_with(
                "echo \"in $(pwd) $GITHUB_WORKSPACE $RUNNER_TEMP $RUNNER_TOOL_CACHE $HOME $0\"\n\
                 echo \"read $(cat file) $FROM_JOB $FROM_CONTAINER $FROM_STEP $CI $GITHUB_ACTIONS $GITHUB_REPOSITORY\"\n\
                 cat $GITHUB_EVENT_PATH > /dev/null\n\
                 test \"$(cat ${{ github.workspace }}/file)\" = content\n\
                 echo made=here >> $GITHUB_OUTPUT; echo LATER=yes >> $GITHUB_ENV; echo /added >> $GITHUB_PATH\n\
                 echo summary >> $GITHUB_STEP_SUMMARY; echo new > made\n\
                 echo \"::error file=$GITHUB_WORKSPACE/sub/x,line=3::broken\"",
                json!({"id": "one", "env": {"FROM_STEP": "step"}})
            ),
            run_with(
                "echo \"then ${{ steps.one.outputs.made }} $LATER ${PATH%%:*} $(pwd)\"\n\
                 echo \"hash ${{ hashFiles('made') != '' }}\"\n\
                 echo \"heard $(nc web 8080)\"",
                json!({"working_directory": "sub"})
            ),
            run(
                "echo \"ids ${{ job.container.id != '' && job.services.web.id != job.container.id }}\"\n\
                 echo \"net ${{ job.container.network == job.services.web.network }} ${{ job.container.network }}\"\n\
                 echo \"port ${{ job.services.web.ports['8080'] > 1023 }} ${{ job.status }}\""
            ),
            uses(&format!("docker://{}", engine.image), json!({"with": {
                "entrypoint": "/bin/sh", "args": "-c 'echo \"beside $(pwd) $(cat made) $(nc web 8080)\"'"
            }})),
        ])));
        let world = world
            .with("env", json!([{"FROM_JOB": "job"}]))
            .with(
                "container",
                json!({"image": engine.image, "env": {"FROM_CONTAINER": "${{ github.ref_name }}"}, "volumes": ["data:/data"]}),
            )
            .with(
                "services",
                json!([greeter(&engine, &json!({"ports": ["8080"], "env": {"TOKEN": "${{ github.token }}"}}))]),
            );
        let ran = world.run().await;
        assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
        let beginnings = [
            "in ", "read ", "then ", "hash ", "heard ", "ids ", "net ", "port ", "beside ", "up ",
            "##[step]", "shell:",
        ];
        let shown = lines(&ran.log, &beginnings).replace(world.description["job"].as_str().unwrap(), "JOB");
        insta::allow_duplicates! {
            insta::assert_snapshot!(shown.replace(&engine.image, "IMAGE"), @r#"
            ##[step]1/6 Initialize containers
            ##[step]2/6 Run actions/checkout@v4
            ##[step]3/6 Run echo "in $(pwd) $GITHUB_WORKSPACE $RUNNER_TEMP $RUNNER_TOOL_CACHE $HOME $0"
            shell: sh -e {0}
            in /__w/hello/hello /__w/hello/hello /__w/_temp /__t /github/home /__w/_temp/_checkmill/step_2.sh
            read content job main step true true octo/hello
            ##[step]4/6 Run echo "then here $LATER ${PATH%%:*} $(pwd)"
            shell: sh -e {0}
            then here yes /added /__w/hello/hello/sub
            hash true
            heard hello from web
            ##[step]5/6 Run echo "ids true"
            shell: sh -e {0}
            ids true
            net true checkmill-JOB-1
            port true success
            ##[step]6/6 Run docker://IMAGE
            beside /github/workspace new hello from web
            ##[step]7/7 Stop containers
            up with ***
            "#);
        }
        assert_eq!(ran.result.annotations[0].path.as_deref(), Some("sub/x"));
        assert_eq!(ran.result.summary, "summary\n");
        assert_eq!(engine.left(), "");
    }
}

#[tokio::test]
async fn services_of_a_job_on_the_machine_are_at_its_ports() {
    for engine in Engine::all("ports") {
        let script =
            "exec 3<>/dev/tcp/127.0.0.1/${{ job.services.web.ports['8080'] }}; echo \"heard $(cat <&3)\"";
        let world = World::new(json!([run_with(script, json!({"shell": "bash"}))]));
        let ports = json!({"ports": ["8080"]});
        let world = engine
            .world(world)
            .with("services", json!([greeter(&engine, &ports)]));
        let ran = world.run().await;
        assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
        assert!(ran.log.contains("\nheard hello from web\n"), "{}", ran.log);
        assert!(ran.log.contains("\nThe service web is healthy.\n"), "{}", ran.log);
        assert_eq!(engine.left(), "");
    }
}

#[tokio::test]
async fn a_service_that_does_not_become_healthy_ends_the_job_with_its_log() {
    for engine in Engine::all("sick") {
        let sick =
            json!({"options": ["--health-cmd=cat /nothing", "--health-interval=1s", "--health-retries=1"]});
        let ended = json!({"id": "gone", "image": engine.image, "entrypoint": "sh", "command": ["-c", "echo last words; exit 3"],
            "options": ["--health-cmd=true", "--health-interval=1s"]});
        for (service, detail, said) in [
            (
                greeter(&engine, &sick),
                "The service web is unhealthy",
                "\nup with\n",
            ),
            (
                ended,
                "The service gone has ended with exit code 3",
                "\nlast words\n",
            ),
        ] {
            let always = run_with("echo not run", json!({"if": "always()"}));
            let world = engine.world(World::new(json!([always])));
            let ran = world.with("services", json!([service])).run().await;
            assert_eq!(ran.result.conclusion, JobVerdict::Failure, "{}", ran.log);
            assert_eq!(
                ran.result.detail,
                format!("Step \"Initialize containers\" failed: {detail}"),
                "{}",
                ran.log
            );
            assert_eq!(ran.log.matches(said).count(), 1, "{}", ran.log);
            assert!(!ran.log.contains("not run"), "{}", ran.log);
            assert_eq!(engine.left(), "");
        }
    }
}

#[tokio::test]
async fn a_step_whose_time_is_over_is_ended_with_its_family_and_the_next_one_runs() {
    for engine in Engine::all("limit") {
        let slow = "trap 'echo asked to end' INT\nsleep 600 & echo $! > child; sleep 600 & wait; wait";
        let mut world = engine.world(World::new(json!([
            run_with(slow, json!({"name": "Slow", "timeout_minutes": "0.05"})),
            run_with(
                // Nobody waits for what has lost its parents in a container: what has ended may still have its number.
                "state=none; { read -r pid name state rest < /proc/$(cat child)/stat; } 2>/dev/null\n\
                 case $state in none | Z) echo 'nobody is left' ;; esac",
                json!({"if": "always()"})
            ),
        ])));
        world.surroundings.graces.interrupt = Duration::from_millis(500);
        world.surroundings.graces.terminate = Duration::from_millis(500);
        let ran = world
            .with("container", json!({"image": engine.image}))
            .run()
            .await;
        assert_eq!(
            ran.result.detail, "Step \"Slow\" timed out after 0.05 minutes",
            "{}",
            ran.log
        );
        assert!(ran.log.contains("\nnobody is left\n"), "{}", ran.log);
        assert!(ran.log.contains("\nasked to end\n"), "{}", ran.log);
        assert_eq!(engine.left(), "");
    }
}

#[tokio::test]
async fn a_job_that_is_cancelled_leaves_nothing() {
    for engine in Engine::all("cancel") {
        let mut world = engine.world(World::new(json!([
            run("echo begun > begun; exec sleep 600"),
            run_with("echo 'tidied up'", json!({"if": "cancelled()"})),
        ])));
        world.surroundings.graces.interrupt = Duration::from_millis(500);
        world.surroundings.graces.terminate = Duration::from_millis(500);
        let world = world.with("container", json!({"image": engine.image}));
        let begun = world.surroundings.layout.workspace.join("begun");
        let stop = async {
            appears(&begun).await;
            world.controller.stop(StopReason::Cancelled);
        };
        let ran = world.run_while(stop).await;
        assert_eq!(ran.result.conclusion, JobVerdict::Cancelled, "{}", ran.log);
        assert!(ran.log.contains("\ntidied up\n"), "{}", ran.log);
        assert_eq!(engine.left(), "");
    }
}

#[tokio::test]
async fn what_a_killed_job_leaves_is_removed_by_whoever_comes_after_it() {
    for engine in Engine::all("killed") {
        let world = engine.world(World::new(json!([run("echo begun > begun; exec sleep 600")])));
        let world = world
            .with(
                "container",
                json!({"image": engine.image, "volumes": ["data:/data"]}),
            )
            .with("services", json!([greeter(&engine, &json!({}))]));
        let begun = world.surroundings.layout.workspace.join("begun");
        tokio::select! {
            ran = world.run() => panic!("{}", ran.log),
            () = appears(&begun) => {}
        }
        let left = engine.left();
        assert_eq!(left.split_whitespace().count(), 4, "{left}");
        let attempt = AttemptDir::new(world.attempt());
        std::fs::write(attempt.file(JOB_FILE), world.description.to_string()).unwrap();
        clean::after(&attempt, &world.surroundings.environment)
            .await
            .unwrap();
        assert_eq!(engine.left(), "");
        // Done again it does nothing; so it does for an attempt that never had any.
        clean::after(&attempt, &world.surroundings.environment)
            .await
            .unwrap();
    }
    let temp = tempfile::tempdir().unwrap();
    assert_eq!(
        clean::after(&AttemptDir::new(temp.path()), &Variables::new()).await,
        Ok(())
    );
}

#[tokio::test]
async fn javascript_and_composite_actions_run_inside() {
    for engine in Engine::all("actions") {
        let server = Server::new();
        let script =
            "echo \"js $INPUT_WHO in $(pwd) $0\"; echo x=1 >> $GITHUB_STATE; echo said=hi >> $GITHUB_OUTPUT";
        server.commit(
            "tools/js",
            &[
                (
                    "action.yml",
                    "inputs: {who: {}}\nruns: {using: node20, main: main.js, post: post.js}",
                ),
                ("main.js", script),
                ("post.js", "echo \"post $STATE_x\""),
            ],
        );
        server.commit(
            "tools/all",
            &[
                (
                    "action.yml",
                    "runs:\n  using: composite\n  steps:\n    - run: echo \"composite $(cat $GITHUB_ACTION_PATH/data) $(cat ${{ github.action_path }}/data)\"\n      shell: sh\n",
                ),
                ("data", "own"),
            ],
        );
        let steps = json!([
            uses("tools/js@main", json!({"id": "js", "with": {"who": "Mona"}})),
            run("echo \"after ${{ steps.js.outputs.said }}\""),
            uses("tools/all@main", json!({})),
        ]);
        let container = json!({"image": engine.image});
        let world = engine.with_node(engine.world(server.world(steps.clone())));
        let ran = world.with("container", container.clone()).run().await;
        assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
        insta::allow_duplicates! {
            insta::assert_snapshot!(lines(&ran.log, &["js ", "after ", "composite ", "post "]), @"
            js Mona in /__w/hello/hello /__w/_actions/tools/js/main/main.js
            after hi
            composite own own
            post 1
            ");
        }
        // A machine without node, or with one that the image can't run.
        let ran = engine
            .world(server.world(steps))
            .with("container", container)
            .run()
            .await;
        assert_eq!(ran.result.conclusion, JobVerdict::Configuration, "{}", ran.log);
        let detail = &ran.result.detail;
        assert!(
            detail.contains("The action tools/js@main is a JavaScript action (node20), and the job's container can't run it")
                && detail.contains("has no `node`"),
            "{detail}"
        );
        assert_eq!(engine.left(), "");
    }
}

#[tokio::test]
async fn what_can_not_be_had_is_named() {
    for engine in Engine::all("wrong") {
        let unreachable = "127.0.0.1:9/octo/x:1";
        for (container, services, verdict, expected) in [
            (
                json!({"image": "localhost/checkmill-no-such:1"}),
                json!([]),
                JobVerdict::Configuration,
                "is on no registry, and the machine does not have it",
            ),
            (
                json!({"image": unreachable}),
                json!([]),
                JobVerdict::Infrastructure,
                "The image 127.0.0.1:9/octo/x:1 of the job's container is not to be had",
            ),
            (
                json!(null),
                json!([{"id": "db", "image": unreachable, "credentials": {"username": "mona", "password": ""}}]),
                JobVerdict::Configuration,
                "`credentials` of the service db has an empty username or password",
            ),
            (
                json!({"image": engine.image, "options": ["--memory=much"]}),
                json!([]),
                JobVerdict::Configuration,
                "The job's container can't be started",
            ),
        ] {
            let world = engine.world(World::new(json!([run("true")])));
            let ran = world
                .with("container", container)
                .with("services", services)
                .run()
                .await;
            assert_eq!(ran.result.conclusion, verdict, "{}", ran.log);
            assert!(ran.result.detail.contains(expected), "{}", ran.result.detail);
            assert_eq!(engine.left(), "");
        }
        let world = engine.world(World::new(json!([run_with("true", json!({"shell": "bash"}))])));
        let ran = world
            .with("container", json!({"image": engine.image}))
            .run()
            .await;
        assert_eq!(
            ran.result.detail,
            "Step \"Run true\" can't be run: shell: bash is not installed in the job's container"
        );
    }
}

#[tokio::test]
async fn without_an_engine_the_message_names_the_backend() {
    let mut world = World::new(json!([run("true")]))
        .with("backend", json!("process"))
        .with("container", json!({"image": "alpine:3"}));
    let nothing = world.temp.path().display().to_string();
    world.surroundings.environment.insert("PATH".to_owned(), nothing);
    let ran = world.run().await;
    assert_eq!(ran.result.conclusion, JobVerdict::Configuration, "{}", ran.log);
    insta::assert_snapshot!(ran.result.detail, @r#"
    Step "Initialize containers" can't be run: The job runs in a container, and on the backend process, where it runs, there is neither docker nor podman; install docker or podman there, or choose a machine that has one with `runs-on`
    "#);
}

#[tokio::test]
async fn an_image_that_nobody_asked_for_is_not_used() {
    let world = World::new(json!([run("echo on the machine")]));
    let ran = world
        .with("container", json!({"image": "ubuntu:22.04", "optional": true}))
        .run()
        .await;
    assert_eq!(ran.result.detail, "1 step succeeded", "{}", ran.log);
}

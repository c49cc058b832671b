//! Webhooks that GitHub could not deliver: it does not try again by itself, so the sweep asks for them.

use crate::conversation::{CI, REPO};
use crate::served::Served;
use checkmill_core::DeliveryId;
use checkmill_testkit::state::delivery::{Delivery, Outcome};
use checkmill_testkit::{Delivering, Fault, NewCommit, NewRepository, Route};

const WORKFLOW: &str = "
name: CI
on: push
jobs:
  test:
    runs-on: linux
    steps:
      - run: echo done
";

impl Served {
    /// So many sweeps are over, those of earlier processes included.
    async fn swept(&self, sweeps: usize) {
        let swept = || self.log().matches(r#""message":"swept""#).count();
        self.until("a sweep", || (swept() >= sweeps).then_some(())).await;
    }

    /// GitHub's attempts to make a delivery of this event, oldest first.
    fn attempts(&self, event: &str) -> Vec<(DeliveryId, bool, Outcome)> {
        self.github.read(|state| {
            let of_event = state.deliveries.iter().filter(|d| d.event == event);
            let attempt = |d: &Delivery| (d.guid.clone(), d.redelivery, d.outcome.clone());
            of_event.map(attempt).collect()
        })
    }
}

#[tokio::test]
async fn a_push_while_the_server_is_down_gets_its_check_when_it_is_back() {
    let mut served = Served::start(NewRepository::new(REPO)).await;
    served.github.set_delivering(Delivering::To(served.webhook_url()));
    served.kill().await;

    let commit = NewCommit::new("Add CI").write(CI, served.workflow(WORKFLOW));
    served.github.push(REPO, "main", commit).unwrap();
    served.github.ping().unwrap();
    served.github.wait_for_deliveries().await;
    let lost = served.attempts("push");
    assert!(
        matches!(lost.as_slice(), [(_, false, Outcome::Failed { .. })]),
        "{lost:?}"
    );

    served.restart();
    insta::assert_snapshot!(served.checks(1).await, @"CI / test: success");
    let attempts = served.attempts("push");
    let [(first, ..), (second, true, Outcome::Answered { status: 202, .. })] = attempts.as_slice() else {
        panic!("{attempts:?}")
    };
    assert_eq!(first, second, "the same delivery");
    assert_eq!(served.attempts("ping").len(), 1, "nothing that anybody waits for");
    assert_eq!(served.github.requests(Route::Redeliver), 1);
    served.finish().await;
}

/// GitHub may refuse to make one again, for reasons of its own: those after it are not to wait for it.
#[tokio::test]
async fn one_that_can_not_be_made_again_holds_up_no_other() {
    let mut served = Served::start(NewRepository::new(REPO)).await;
    served.github.set_delivering(Delivering::To(served.webhook_url()));
    served.kill().await;
    let push = |text: &str| {
        let commit = NewCommit::new(text)
            .write(CI, served.workflow(WORKFLOW))
            .write("file", text);
        served.github.push(REPO, "main", commit).unwrap()
    };
    push("The older one");
    served.github.wait_for_deliveries().await;
    let younger = push("The younger one");
    served.github.wait_for_deliveries().await;
    served.github.fail_next(Route::Redeliver, Fault::Status(422));

    served.restart();
    let checks = served.github.wait_for_checks(REPO, 1).await;
    let of: Vec<_> = checks.iter().map(|check| check.head_sha.clone()).collect();
    assert_eq!(of, [younger]);
    assert_eq!(served.github.requests(Route::Redeliver), 2);
    served
        .finish_but(&["a delivery that GitHub could not make stays lost"])
        .await;
}

#[tokio::test]
async fn what_is_refused_is_not_asked_for_again_and_again() {
    let mut served = Served::start(NewRepository::new(REPO)).await;
    served.push_workflow(WORKFLOW).await;
    served.completed("CI / test").await;
    served.swept(1).await;
    // Somebody's proxy does not like this one, and will not like it the next time.
    let refuse = |served: &Served| {
        let refused = served.github.take_webhooks();
        assert_eq!(refused.len(), 1);
        served.github.record_answer(&refused[0], 403, "no");
    };
    served
        .github
        .push(REPO, "main", NewCommit::new("More").write("file", "more"))
        .unwrap();
    refuse(&served);

    served.kill_and_restart().await;
    let asked = |state: &checkmill_testkit::State| {
        state
            .deliveries
            .last()
            .is_some_and(|d| d.redelivery)
            .then_some(())
    };
    served
        .github
        .wait_for("the delivery to be made again", asked)
        .await;
    refuse(&served);
    served.swept(2).await;
    for looks in 3..6 {
        served.kill_and_restart().await;
        let looked = |state: &checkmill_testkit::State| {
            let lists = state
                .history
                .requests()
                .filter(|r| r.route == Some(Route::ListDeliveries));
            (lists.count() >= looks).then_some(())
        };
        served
            .github
            .wait_for("the program to look at the list", looked)
            .await;
        served.swept(looks).await;
    }
    // The next try is for later; one that is ignored or taken is never asked for.
    assert_eq!(served.github.requests(Route::Redeliver), 1);
    assert_eq!(served.attempts("push").len(), 3);
    served.finish().await;
}

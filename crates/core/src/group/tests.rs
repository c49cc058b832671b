use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn job(n: u8) -> Claimant {
    let id = format!("0123456789abcdef-{n:08x}").parse().unwrap();
    Claimant::Job { id }
}

fn wants(cancel_in_progress: bool, queue: Queueing) -> Concurrency {
    Concurrency {
        group: "Deploy".to_owned(),
        cancel_in_progress,
        queue,
    }
}

fn place(n: u8, at: u64, wants: &Concurrency) -> Place {
    Place::new(job(n), &format!("job {n}"), wants, UnixMillis(at))
}

fn single(n: u8) -> Place {
    place(n, n.into(), &wants(false, Queueing::Single))
}

fn cancelling(n: u8) -> Place {
    place(n, n.into(), &wants(true, Queueing::Single))
}

fn queueing(n: u8) -> Place {
    place(n, n.into(), &wants(false, Queueing::Max))
}

fn group() -> Group {
    Group::new(RepositoryId(1), "Deploy")
}

fn ask(group: &mut Group, wish: &Place) -> String {
    let (next, standing) = group.ask(wish, false);
    if let Some(next) = next {
        assert_eq!(next.version, group.version + 1);
        *group = next;
    }
    match standing {
        Standing::Held => "held".to_owned(),
        Standing::Waits { behind, stop } => {
            format!(
                "behind {}{}",
                behind.title,
                if stop { ", to be stopped" } else { "" }
            )
        }
        Standing::Lost(lost) => format!("lost to {:?}", lost.to),
    }
}

fn lost(group: &Group) -> Vec<&Claimant> {
    group.lost.iter().map(|lost| &lost.claimant).collect()
}

#[test]
fn names_that_differ_in_case_are_one_group() {
    assert_eq!(GroupId::derive("Deploy"), GroupId::derive("dePLOY"));
    assert_ne!(GroupId::derive("deploy"), GroupId::derive("deploy "));
}

#[test]
fn one_has_it_one_waits_and_a_newer_one_takes_the_place_of_who_waits() {
    let mut group = group();
    assert_eq!(ask(&mut group, &single(1)), "held");
    assert_eq!(ask(&mut group, &single(1)), "held");
    assert_eq!(ask(&mut group, &single(2)), "behind job 1");
    assert_eq!(ask(&mut group, &single(3)), "behind job 1");
    assert_eq!(lost(&group), [&job(2)]);
    assert_eq!(ask(&mut group, &single(2)), "lost to Some(\"job 3\")");
    group = group.leave(&job(1), UnixMillis(1)).unwrap();
    assert!(group.is_held_by(&job(3)));
    group = group.told().unwrap();
    assert_eq!((group.told(), group.leave(&job(2), UnixMillis(9))), (None, None));
    group = group.leave(&job(3), UnixMillis(3)).unwrap();
    assert_eq!((&group.holder, &group.pending), (&None, &Vec::new()));
}

#[test]
fn the_order_is_that_in_which_they_were_queued_not_that_in_which_they_ask() {
    let mut group = group();
    ask(&mut group, &single(1));
    assert_eq!(ask(&mut group, &single(3)), "behind job 1");
    assert_eq!(ask(&mut group, &single(2)), "lost to Some(\"job 3\")");
    // Where the newer one has begun and cancels what is before it, the older one comes too late.
    let mut group = self::group();
    ask(&mut group, &cancelling(3));
    assert_eq!(ask(&mut group, &cancelling(2)), "lost to Some(\"job 3\")");
    let mut group = self::group();
    ask(&mut group, &single(3));
    assert_eq!(ask(&mut group, &cancelling(2)), "behind job 3");
}

#[test]
fn who_cancels_waits_for_the_place_all_the_same() {
    let mut group = group();
    ask(&mut group, &single(1));
    ask(&mut group, &single(2));
    assert_eq!(ask(&mut group, &cancelling(3)), "behind job 1, to be stopped");
    assert_eq!(ask(&mut group, &cancelling(3)), "behind job 1, to be stopped");
    assert_eq!(lost(&group), [&job(2)]);
    assert!(group.leave(&job(1), UnixMillis(1)).unwrap().is_held_by(&job(3)));
}

#[test]
fn a_queue_is_served_in_order_and_has_an_end() {
    let mut group = group();
    for n in 0..=100 {
        ask(&mut group, &queueing(n));
    }
    assert_eq!((group.pending.len(), lost(&group).len()), (GROUP_PENDING, 0));
    assert_eq!(ask(&mut group, &queueing(101)), "lost to None");
    assert_eq!(group.pending.len(), GROUP_PENDING);
    let next = group.leave(&job(0), UnixMillis(0)).unwrap();
    assert!(next.is_held_by(&job(1)));
    // One that waits alone replaces all of them.
    assert_eq!(ask(&mut group, &single(102)), "behind job 0");
    assert_eq!((group.pending.len(), lost(&group).len()), (1, 101));
    // Who lets others wait stands behind it.
    assert_eq!(ask(&mut group, &queueing(103)), "behind job 0");
    assert_eq!(group.pending.len(), 2);
}

#[test]
fn what_an_earlier_attempt_leaves_behind_does_not_take_the_place_of_a_later_one() {
    let mut group = group();
    ask(&mut group, &single(1));
    let again = place(1, 50, &wants(false, Queueing::Single));
    assert_eq!(group.ask(&again, false).0, None, "a sibling of the first attempt");
    group = group.ask(&again, true).0.unwrap();
    assert_eq!(group.leave(&job(1), UnixMillis(1)), None);
    assert!(group.leave(&job(1), UnixMillis(50)).is_some());
    // One that lost asks again.
    ask(&mut group, &single(2));
    ask(&mut group, &single(3));
    let (next, standing) = group.ask(&place(2, 60, &wants(false, Queueing::Single)), true);
    let next = next.unwrap();
    assert!(matches!(standing, Standing::Waits { .. }));
    assert_eq!(lost(&next), [&job(3)]);
}

proptest! {
    /// Whatever order: nobody is in two places, nobody waits for a free one, and nothing grows past its limit.
    #[test]
    fn any_order_leaves_a_sound_group(steps in prop::collection::vec((0..6u8, 0..40u64, any::<bool>(), any::<bool>(), 0..4u8), 0..80)) {
        let mut group = group();
        for (n, at, cancels, max, what) in steps {
            let queue = if max { Queueing::Max } else { Queueing::Single };
            let wish = place(n, at, &wants(cancels && !max, queue));
            let next = match what {
                0 => group.leave(&job(n), UnixMillis(at)),
                1 => group.told(),
                _ => {
                    let (next, standing) = group.ask(&wish, what == 2);
                    let after = next.as_ref().unwrap_or(&group);
                    prop_assert_eq!(after.is_held_by(&job(n)), standing == Standing::Held);
                    next
                }
            };
            if let Some(next) = next {
                prop_assert_eq!(next.version, group.version + 1);
                group = next;
            }
            prop_assert!(group.holder.is_some() || group.pending.is_empty());
            prop_assert!(group.pending.len() <= GROUP_PENDING);
            prop_assert!(group.pending.is_sorted_by_key(|place| (place.since, place.claimant.clone())));
            let places = group.holder.iter().chain(&group.pending).map(|place| &place.claimant);
            let all: Vec<_> = places.chain(group.lost.iter().map(|lost| &lost.claimant)).collect();
            prop_assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        }
    }
}

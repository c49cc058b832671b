//! Schedules: what is a cron text, when it comes next, and what becomes of a repository's timers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use checkmill_core::event::{EventKind, Repository};
use checkmill_core::limits::{SCHEDULE_INTERVAL, SCHEDULE_REST, SCHEDULE_REST_MAX, SCHEDULE_RESTS};
use checkmill_core::schedule::{Schedule, Timing, Waits};
use checkmill_core::{Event, InstallationId, Millis, RepositoryId, UnixMillis};
use jiff::Timestamp;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn timing(cron: &str) -> Timing {
    Timing {
        cron: cron.to_owned(),
        timezone: None,
    }
}

fn in_zone(cron: &str, zone: &str) -> Timing {
    Timing {
        cron: cron.to_owned(),
        timezone: Some(zone.to_owned()),
    }
}

fn at(text: &str) -> UnixMillis {
    UnixMillis(text.parse::<Timestamp>().unwrap().as_millisecond().unsigned_abs())
}

fn text(at: UnixMillis) -> String {
    let at = Timestamp::from_millisecond(i64::try_from(at.0).unwrap()).unwrap();
    at.to_string()
}

/// The next times after `from`, a line each.
fn next(timing: &Timing, from: &str, count: usize) -> String {
    let timetable = timing.timetable().unwrap();
    let mut now = at(from);
    let mut lines = Vec::new();
    for _ in 0..count {
        now = timetable.next_after(now).unwrap();
        lines.push(text(now));
    }
    lines.join("\n")
}

#[test]
fn times_follow_each_other() {
    let from = "2026-11-26T02:20:30Z";
    insta::assert_snapshot!(next(&timing("*/15 * * * *"), from, 3), @"
    2026-11-26T02:30:00Z
    2026-11-26T02:45:00Z
    2026-11-26T03:00:00Z
    ");
    insta::assert_snapshot!(next(&timing("30 5,17 * * *"), from, 3), @"
    2026-11-26T05:30:00Z
    2026-11-26T17:30:00Z
    2026-11-27T05:30:00Z
    ");
    insta::assert_snapshot!(next(&timing("0 0 * jan-feb/2 Mon-fri"), from, 3), @"
    2027-01-01T00:00:00Z
    2027-01-04T00:00:00Z
    2027-01-05T00:00:00Z
    ");
    // Either of two kinds of days is enough; not where one of them is a `*`.
    insta::assert_snapshot!(next(&timing("0 12 1 * SUN"), from, 3), @"
    2026-11-29T12:00:00Z
    2026-12-01T12:00:00Z
    2026-12-06T12:00:00Z
    ");
    insta::assert_snapshot!(next(&timing("0 12 */10 * 0"), from, 2), @"
    2027-01-31T12:00:00Z
    2027-02-21T12:00:00Z
    ");
    insta::assert_snapshot!(next(&timing("5/20 0 29 2 *"), from, 4), @"
    2028-02-29T00:05:00Z
    2028-02-29T00:25:00Z
    2028-02-29T00:45:00Z
    2032-02-29T00:05:00Z
    ");
    insta::assert_snapshot!(next(&timing("0 0 29 2 *"), "2096-03-01T00:00:00Z", 1), @"2104-02-29T00:00:00Z");
    // At the very minute, the next one is meant.
    insta::assert_snapshot!(next(&timing("0 3 * * *"), "2026-11-26T03:00:00Z", 1), @"2026-11-27T03:00:00Z");
}

#[test]
fn a_time_zone_moves_with_its_clocks() {
    let new_york = |cron| in_zone(cron, "America/New_York");
    // 2:30 does not exist on the 8th of March 2026: it comes at 3:00.
    insta::assert_snapshot!(next(&new_york("30 2 * * *"), "2026-03-07T00:00:00Z", 3), @"
    2026-03-07T07:30:00Z
    2026-03-08T07:00:00Z
    2026-03-09T06:30:00Z
    ");
    // 1:30 comes twice on the 1st of November 2026: the first counts.
    insta::assert_snapshot!(next(&new_york("30 1 * * *"), "2026-10-31T12:00:00Z", 2), @"
    2026-11-01T05:30:00Z
    2026-11-02T06:30:00Z
    ");
    // Hourly is every hour that passes.
    insta::assert_snapshot!(next(&new_york("30 * * * *"), "2026-11-01T05:00:00Z", 3), @"
    2026-11-01T05:30:00Z
    2026-11-01T06:30:00Z
    2026-11-01T07:30:00Z
    ");
    insta::assert_snapshot!(next(&new_york("30 * * * *"), "2026-03-08T06:00:00Z", 2), @"
    2026-03-08T06:30:00Z
    2026-03-08T07:30:00Z
    ");
    // A day that a country left out: Samoa's 30th of December 2011.
    insta::assert_snapshot!(next(&in_zone("0 12 30 12 *", "Pacific/Apia"), "2011-12-01T00:00:00Z", 2), @"
    2011-12-30T10:00:00Z
    2012-12-29T22:00:00Z
    ");
    insta::assert_snapshot!(next(&in_zone("0 9 * * *", "europe/berlin"), "2026-11-26T00:00:00Z", 1), @"2026-11-26T08:00:00Z");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let wrong = |cron: &str| {
        let error = timing(cron).timetable().unwrap_err();
        let offset = error.offset;
        format!("{cron}\n{}^ {error}; {}", " ".repeat(offset), error.hint)
    };
    let table = [
        "@daily",
        "@reboot",
        "* * * *",
        "* * * * * 2026",
        "",
        "60 * * * *",
        "0 24 * * *",
        "0 0 0 * *",
        "0 0 * 13 *",
        "0 0 * * 7",
        "0 0 * * MON-FRO",
        "0 0 L * *",
        "0 0 ? * 1#2",
        "0 0 * * 5-1",
        "*/0 * * * *",
        "*/x * * * *",
        "1,,2 * * * *",
        "+1 * * * *",
        "-1 * * * *",
        "0 0 31 2,4 *",
        "\u{e4} * * * *",
    ];
    insta::assert_snapshot!(table.map(wrong).join("\n"), @"
    @daily
    ^ `@daily` is not POSIX cron, which has five fields; write `0 0 * * *`
    @reboot
    ^ `@reboot` is not POSIX cron, which has five fields; they are minute, hour, day of the month, month and day of the week, such as `30 5 * * 1-5`
    * * * *
    ^ a schedule has five fields, and this one has 4; they are minute, hour, day of the month, month and day of the week, such as `30 5 * * 1-5`
    * * * * * 2026
              ^ a schedule has five fields, and this one has 6; they are minute, hour, day of the month, month and day of the week, such as `30 5 * * 1-5`

    ^ a schedule has five fields, and this one has 0; they are minute, hour, day of the month, month and day of the week, such as `30 5 * * 1-5`
    60 * * * *
    ^ `60` is not a minute; it is a number from 0 to 59
    0 24 * * *
      ^ `24` is not an hour; it is a number from 0 to 23
    0 0 0 * *
        ^ `0` is not a day of the month; it is a number from 1 to 31
    0 0 * 13 *
          ^ `13` is not a month; it is a number from 1 to 12, or a name from JAN to DEC
    0 0 * * 7
            ^ `7` is not a day of the week; Sunday is `0` or `SUN`
    0 0 * * MON-FRO
                ^ `FRO` is not a day of the week; it is a number from 0 to 6, or a name from SUN to SAT
    0 0 L * *
        ^ `L` is not a day of the month; it is a number from 1 to 31
    0 0 ? * 1#2
        ^ `?` is not a day of the month; it is a number from 1 to 31
    0 0 * * 5-1
            ^ the range `5-1` runs backwards; write it as two ranges with a comma between them
    */0 * * * *
      ^ `0` is not a step of a minute; it is a number from 1 to 59
    */x * * * *
      ^ `x` is not a step of a minute; it is a number from 1 to 59
    1,,2 * * * *
      ^ a minute is missing here; it is a number from 0 to 59
    +1 * * * *
    ^ `+1` is not a minute; it is a number from 0 to 59
    -1 * * * *
    ^ a minute is missing here; it is a number from 0 to 59
    0 0 31 2,4 *
        ^ there is no such day in any of its months: it would never run; choose a day that the month has
    ä * * * *
    ^ `ä` is not a minute; it is a number from 0 to 59
    ");
    let error = in_zone("0 0 * * *", "Europe/Berlln").timetable().unwrap_err();
    insta::assert_snapshot!(format!("{error}; {}", error.hint), @"there is no such time zone; name one of the IANA database, such as `Europe/Berlin` or `America/New_York`");
    let error = timing(&format!("{} * * * *", "0,".repeat(200) + "0"))
        .timetable()
        .unwrap_err();
    insta::assert_snapshot!(format!("{error}; {}", error.hint), @"a schedule has at most 256 characters; write ranges and steps, such as `0-30/5`, or several schedules");
}

#[test]
fn what_comes_too_often_is_known() {
    for (cron, expected) in [
        ("* * * * *", true),
        ("*/4 * * * *", true),
        ("*/5 * * * *", false),
        ("0,3 0 15 * *", true),
        ("58,1 * * * *", true),
        ("58 23 * * *", false),
        ("0 0 1 1 *", false),
    ] {
        assert_eq!(timing(cron).is_too_often(), expected, "{cron}");
    }
}

fn event(sender: &str) -> Event {
    Event {
        delivery: "push-1".parse().unwrap(),
        installation: InstallationId(7),
        repository: Repository {
            id: RepositoryId(42),
            name: "octocat/hello".parse().unwrap(),
            default_branch: "main".to_owned(),
            owner_id: None,
            private: false,
            internal: false,
            clone_url: String::new(),
            html_url: String::new(),
        },
        sender: sender.parse().unwrap(),
        sender_id: None,
        received_at: UnixMillis(0),
        kind: EventKind::CheckSuiteRerequested {
            head_sha: "0".repeat(40).parse().unwrap(),
        },
    }
}

fn schedule(crons: &[&str], now: &str) -> Schedule {
    Schedule::replanned(None, &event("ann"), &timings(crons), at(now)).unwrap()
}

fn timings(crons: &[&str]) -> Waits {
    Waits {
        timings: crons.iter().map(|cron| timing(cron)).collect(),
        followed: BTreeSet::new(),
        events: BTreeSet::new(),
    }
}

fn timers(schedule: &Schedule) -> Vec<String> {
    let timer =
        |timer: &checkmill_core::schedule::Timer| format!("{} at {}", timer.timing.cron, text(timer.next));
    schedule.timers.iter().map(timer).collect()
}

#[test]
fn a_push_changes_only_what_it_changes() {
    let first = schedule(&["0 3 * * *", "0 4 * * *"], "2026-11-26T02:00:00Z");
    assert_eq!((first.version, first.actor.as_str()), (1, "ann"));
    let same = Schedule::replanned(
        Some(&first),
        &event("bob"),
        &timings(&["0 4 * * *", "0 3 * * *"]),
        at("2026-11-26T05:00:00Z"),
    );
    assert_eq!(same, None);
    // At 3:01 the one of 3:00 is owed, and a push does not take it away.
    let now = at("2026-11-26T03:01:00Z");
    let second = Schedule::replanned(
        Some(&first),
        &event("bob"),
        &timings(&["0 3 * * *", "0 1 * * *"]),
        now,
    )
    .unwrap();
    assert_eq!((second.version, second.actor.as_str()), (2, "bob"));
    assert_eq!(
        timers(&second),
        [
            "0 1 * * * at 2026-11-27T01:00:00Z",
            "0 3 * * * at 2026-11-26T03:00:00Z"
        ]
    );
    let none = Schedule::replanned(Some(&second), &event("bob"), &timings(&[]), now).unwrap();
    assert_eq!((none.due_at(), none.version), (None, 3));
    assert_eq!(
        Schedule::replanned(Some(&none), &event("bob"), &timings(&[]), now),
        None
    );
    assert_eq!(Schedule::replanned(None, &event("bob"), &timings(&[]), now), None);
    // Who is followed is kept beside, and moves no time.
    let following = Waits {
        followed: BTreeSet::from(["CI".to_owned()]),
        ..timings(&["0 4 * * *", "0 3 * * *"])
    };
    let followed = Schedule::replanned(Some(&first), &event("bob"), &following, now).unwrap();
    assert_eq!(
        (timers(&followed), followed.actor.as_str()),
        (timers(&first), "ann")
    );
    assert_eq!(
        Schedule::replanned(Some(&followed), &event("bob"), &following, now),
        None
    );
    // Who renames the repository has not changed its schedules.
    let mut renamed = event("bob");
    renamed.repository.name = "octocat/other".parse().unwrap();
    let moved =
        Schedule::replanned(Some(&first), &renamed, &timings(&["0 4 * * *", "0 3 * * *"]), now).unwrap();
    assert_eq!(
        (moved.actor.as_str(), moved.repository.name.name()),
        ("ann", "other")
    );
}

#[test]
fn what_was_missed_comes_once() {
    let schedule = schedule(&["*/5 * * * *", "0 3 * * *"], "2026-11-26T02:00:00Z");
    let now = at("2026-11-28T10:02:00Z");
    let events = schedule.events(now);
    let ids: Vec<String> = events.iter().map(|event| event.delivery.to_string()).collect();
    insta::assert_snapshot!(ids.join("\n"), @"
    schedule-42-82de50ca39c2-29927645
    schedule-42-f173904bab7e-29927700
    ");
    assert_eq!(
        schedule.events(now + Millis(1))[0].delivery,
        events[0].delivery,
        "the same minute"
    );
    let moved = schedule.moved_on(now);
    assert_eq!(moved.version, 2);
    assert_eq!(
        timers(&moved),
        [
            "*/5 * * * * at 2026-11-28T10:05:00Z",
            "0 3 * * * at 2026-11-29T03:00:00Z"
        ]
    );
    assert_eq!(moved.events(now), []);
}

#[test]
fn a_repository_out_of_reach_is_asked_for_more_and_more_seldom() {
    let mut schedule = schedule(&["*/5 * * * *"], "2026-11-26T02:00:00Z");
    let mut now = at("2026-11-26T02:05:00Z");
    let (mut rests, mut last) = (0, SCHEDULE_REST);
    while schedule.due_at().is_some() {
        let rest = schedule.rested(now).unwrap();
        assert_eq!(rest.rested(now + Millis(1)), None, "it rests already");
        schedule = rest;
        rests += 1;
        if let Some(due) = schedule.due_at() {
            let rested = due.since(now);
            assert!(rested >= last && rested.0 <= SCHEDULE_REST_MAX.0 + SCHEDULE_INTERVAL.0);
            (now, last) = (due, rested);
        }
    }
    assert_eq!(rests, SCHEDULE_RESTS);
    let back = Schedule::replanned(Some(&schedule), &event("ann"), &timings(&["*/5 * * * *"]), now).unwrap();
    assert_eq!((back.rests, back.timers.len()), (0, 1));
    assert!(now.since(at("2026-11-26T02:05:00Z")) > Millis::from_minutes(6 * 24 * 60));
    let once = back.rested(now).unwrap();
    let again = Schedule::replanned(Some(&once), &event("bob"), &timings(&["*/5 * * * *"]), now).unwrap();
    assert_eq!((again.rests, again.actor.as_str()), (0, "ann"));
}

proptest! {
    /// No text makes it panic, and what is wrong stands in the text.
    #[test]
    fn any_text_is_read_or_refused(text in "[-*/,0-9A-Za-z@ #?ä]{0,30}") {
        if let Err(error) = timing(&text).timetable() {
            prop_assert!(error.offset <= text.len() && text.is_char_boundary(error.offset));
        }
    }

    #[test]
    fn times_grow_in_every_zone(
        minute in 0..60_u8,
        step in 1..30_u8,
        hour in prop_oneof![Just("*".to_owned()), (0..24_u8).prop_map(|hour| hour.to_string())],
        zone in prop_oneof![Just("UTC"), Just("America/New_York"), Just("Australia/Lord_Howe"), Just("Africa/Casablanca")],
        from in 0..4_000_000_000_000_u64,
    ) {
        let timing = in_zone(&format!("{minute}-59/{step} {hour} * * *"), zone);
        let timetable = timing.timetable().unwrap();
        let mut now = UnixMillis(from);
        for _ in 0..5 {
            let next = timetable.next_after(now).unwrap();
            prop_assert!(next > now && next.0.is_multiple_of(60_000));
            // A day has a time at least, however its clocks change.
            prop_assert!(next.since(now) <= Millis::from_minutes(2 * 24 * 60));
            now = next;
        }
    }

    /// However late a sweep comes, no two runs of a schedule are closer than GitHub has them.
    #[test]
    fn runs_keep_their_distance(step in 1..30_u8, late in prop::collection::vec(0..20_u64, 1..20)) {
        let mut schedule = schedule(&[&format!("*/{step} * * * *")], "2026-11-26T02:00:00Z");
        let mut last: Option<UnixMillis> = None;
        for late in late {
            let due = schedule.due_at().unwrap();
            prop_assert!(last.is_none_or(|last| due.since(last) >= SCHEDULE_INTERVAL));
            last = Some(due);
            let now = due + Millis::from_minutes(late);
            prop_assert_eq!(schedule.events(now).len(), 1);
            schedule = schedule.moved_on(now);
            prop_assert!(schedule.due_at().unwrap() > now);
        }
    }
}

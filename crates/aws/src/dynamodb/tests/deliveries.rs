//! The inbox.

use super::fixtures::{delivery, event};
use super::world::World;
use checkmill_core::{DeliveryId, Millis, UnixMillis, limits};
use checkmill_phases::ports::{Deliveries, DeliveryState, Inbox, StoreError};

fn failed(reason: &str) -> DeliveryState {
    DeliveryState::Failed {
        reason: reason.to_owned(),
    }
}

async fn state(world: &World, id: &DeliveryId) -> DeliveryState {
    Deliveries::load(&world.store, id).await.unwrap().unwrap().1
}

pub(super) async fn a_delivery_is_recorded_once(world: &World) {
    let first = event("d-1");
    assert_eq!(
        Deliveries::load(&world.store, &first.delivery).await.unwrap(),
        None
    );
    assert_eq!(world.store.record(&first).await.unwrap(), DeliveryState::Received);

    let mut again = first.clone();
    again.received_at = world.pass(Millis(5000));
    assert_eq!(world.store.record(&again).await.unwrap(), DeliveryState::Received);
    let stored = Deliveries::load(&world.store, &first.delivery).await.unwrap();
    assert_eq!(
        stored,
        Some((first.clone(), DeliveryState::Received)),
        "the first one stays"
    );

    for to in [DeliveryState::Enqueued, failed("no such repository")] {
        world.store.advance(&first.delivery, &to).await.unwrap();
        assert_eq!(
            world.store.record(&again).await.unwrap(),
            to,
            "a duplicate is told the state"
        );
    }
}

pub(super) async fn a_delivery_only_moves_forward(world: &World) {
    let (received, enqueued, planned) = (
        DeliveryState::Received,
        DeliveryState::Enqueued,
        DeliveryState::Planned,
    );
    for (n, (from, to, then)) in [
        (&received, &enqueued, &enqueued),
        (&received, &planned, &planned),
        (&received, &failed("x"), &failed("x")),
        (&enqueued, &planned, &planned),
        (&enqueued, &received, &enqueued),
        (&planned, &received, &planned),
        (&planned, &enqueued, &planned),
        (&planned, &failed("x"), &planned),
        (&failed("x"), &planned, &planned),
        (&failed("x"), &failed("y"), &failed("x")),
        (&failed("x"), &enqueued, &failed("x")),
    ]
    .into_iter()
    .enumerate()
    {
        let event = event(&format!("d-{n}"));
        world.store.record(&event).await.unwrap();
        world.store.advance(&event.delivery, from).await.unwrap();
        world.store.advance(&event.delivery, to).await.unwrap();
        assert_eq!(state(world, &event.delivery).await, *then, "{from:?} to {to:?}");
    }
}

pub(super) async fn an_unknown_delivery_does_not_move(world: &World) {
    let unknown = delivery("nobody");
    let error = world
        .store
        .advance(&unknown, &DeliveryState::Enqueued)
        .await
        .unwrap_err();
    assert_eq!(
        error,
        StoreError::Corrupt("there is no row of delivery nobody".to_owned())
    );
    assert_eq!(Deliveries::load(&world.store, &unknown).await.unwrap(), None);
}

pub(super) async fn due_deliveries_come_oldest_first(world: &World) {
    // One a second, ids in the other order: the order is that of the times.
    for n in 0..20 {
        world
            .store
            .record(&event(&format!("d-{:02}", 20 - n)))
            .await
            .unwrap();
        world.pass(Millis(1000));
    }
    let end = |id: &str, to: DeliveryState| {
        let (store, id) = (world.store.clone(), delivery(id));
        async move { store.advance(&id, &to).await.unwrap() }
    };
    end("d-20", DeliveryState::Planned).await;
    end("d-18", failed("broken")).await;
    world.pass(limits::DELIVERY_REDRIVE);

    let due = |at: UnixMillis, limit| Deliveries::due(&world.store, at, limit);
    let all = due(world.now(), 100).await.unwrap();
    let ids: Vec<&str> = all.iter().map(|(event, _)| event.delivery.as_str()).collect();
    let expected: Vec<String> = (1..=20)
        .rev()
        .filter(|n| ![20, 18].contains(n))
        .map(|n| format!("d-{n:02}"))
        .collect();
    assert_eq!(ids, expected);
    assert!(all.iter().all(|(_, state)| *state == DeliveryState::Received));

    assert_eq!(due(world.now(), 3).await.unwrap(), all[..3]);
    // d-01 has been due for a second.
    let before = world.now() - Millis(1001);
    assert_eq!(due(before, 100).await.unwrap(), all[..17]);
    assert_eq!(due(before + Millis(1), 100).await.unwrap(), all);
}

pub(super) async fn each_state_is_due_after_a_time_of_its_own(world: &World) {
    let event = event("d-1");
    let due = |at: UnixMillis| Deliveries::due(&world.store, at, 10);
    let advance = |to: &DeliveryState| {
        let (store, id, to) = (world.store.clone(), event.delivery.clone(), to.clone());
        async move { store.advance(&id, &to).await.unwrap() }
    };
    world.store.record(&event).await.unwrap();
    for state in [DeliveryState::Received, DeliveryState::Enqueued] {
        advance(&state).await;
        let at = world.now() + state.redriven_after().unwrap();
        assert_eq!(due(at - Millis(1)).await.unwrap(), [], "{state:?}");
        // Said once more, by somebody who is late: nothing is put off.
        world.pass(Millis(1000));
        advance(&state).await;
        advance(&DeliveryState::Received).await;
        assert_eq!(due(at).await.unwrap(), [(event.clone(), state)]);
    }
    advance(&DeliveryState::Planned).await;
    let ever = world.now() + Millis::from_minutes(24 * 60);
    assert_eq!(due(ever).await.unwrap(), []);
}

/// Many that wait hide none that is due: a sweep takes a limited number.
pub(super) async fn a_deferred_delivery_is_in_nobodys_way(world: &World) {
    for id in ["d-1", "d-2", "d-3"] {
        world.store.record(&event(id)).await.unwrap();
    }
    let until = world.now() + Millis::from_minutes(60);
    for id in ["d-1", "d-2"] {
        world.store.defer(&delivery(id), until).await.unwrap();
    }
    world.store.defer(&delivery("nobody"), until).await.unwrap();
    // Somebody who knows less is late.
    world
        .store
        .defer(&delivery("d-1"), until - Millis(1))
        .await
        .unwrap();
    let due = |at: UnixMillis, limit| Deliveries::due(&world.store, at, limit);
    let only = [(event("d-3"), DeliveryState::Received)];
    assert_eq!(due(until - Millis(1), 1).await.unwrap(), only);
    assert_eq!(due(until, 10).await.unwrap().len(), 3);

    let (store, id) = (&world.store, delivery("d-1"));
    store.advance(&id, &DeliveryState::Planned).await.unwrap();
    store.defer(&id, until + Millis(1)).await.unwrap();
    let left = due(until + Millis(1), 10).await.unwrap();
    assert!(left.iter().all(|(event, _)| event.delivery != id), "it has ended");
}
pub(super) async fn a_long_reason_is_cut(world: &World) {
    let event = event("d-1");
    world.store.record(&event).await.unwrap();
    world
        .store
        .advance(&event.delivery, &failed(&"é".repeat(500_000)))
        .await
        .unwrap();
    assert_eq!(
        state(world, &event.delivery).await,
        failed(&"é".repeat(limits::DETAIL_CHARS))
    );
}

//! The inbox.

use super::fixtures::{delivery, event};
use super::world::World;
use checkmill_core::{DeliveryId, Millis, limits};
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

pub(super) async fn stuck_deliveries_come_oldest_first(world: &World) {
    // One a second, ids in the other order: the order is that of the stamps.
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

    let stuck = world.store.stuck(world.now(), 100).await.unwrap();
    let ids: Vec<&str> = stuck.iter().map(|(event, _)| event.delivery.as_str()).collect();
    let expected: Vec<String> = (1..=20)
        .rev()
        .filter(|n| ![20, 18].contains(n))
        .map(|n| format!("d-{n:02}"))
        .collect();
    assert_eq!(ids, expected);
    assert!(stuck.iter().all(|(_, state)| *state == DeliveryState::Received));

    assert_eq!(world.store.stuck(world.now(), 3).await.unwrap(), stuck[..3]);
    // d-01 was stamped one second ago: `before` is exclusive.
    let before = world.now() - Millis(1000);
    assert_eq!(world.store.stuck(before, 100).await.unwrap(), stuck[..17]);
}

pub(super) async fn a_renewed_stamp_is_not_stuck(world: &World) {
    for (id, to) in [("d-1", DeliveryState::Received), ("d-2", DeliveryState::Enqueued)] {
        let event = event(id);
        world.store.record(&event).await.unwrap();
        world.store.advance(&event.delivery, &to).await.unwrap();
        let later = world.pass(limits::DELIVERY_REDRIVE);
        assert_eq!(
            world.store.stuck(later, 10).await.unwrap(),
            [(event.clone(), to.clone())]
        );

        world.store.advance(&event.delivery, &to).await.unwrap();
        assert_eq!(
            world.store.stuck(later, 10).await.unwrap(),
            [],
            "{id}: stamped now"
        );
        assert_eq!(
            world.store.stuck(later + Millis(1), 10).await.unwrap(),
            [(event.clone(), to)]
        );
        world
            .store
            .advance(&event.delivery, &DeliveryState::Planned)
            .await
            .unwrap();
    }
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

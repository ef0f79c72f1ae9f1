//! The guard sees every allocation, free and lock inside a scope, and none outside.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "tests run off the audio thread"
)]
use omega_rt::guard::{self, CountedMutex, CountingAllocator, RtCounts, RtScope, Violation};
use omega_rt::{Owned, fifo};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar};
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn an_allocation_a_reallocation_and_a_free_inside_a_scope_are_counted() {
    let scope = RtScope::enter();
    let mut list = black_box(Vec::<u64>::with_capacity(4));
    assert_eq!(scope.counts(), RtCounts { allocations: 1, frees: 0, locks: 0 });
    list.reserve_exact(1024);
    assert_eq!(scope.counts(), RtCounts { allocations: 2, frees: 1, locks: 0 });
    drop(black_box(vec![0_u8; 100]));
    assert_eq!(scope.counts(), RtCounts { allocations: 3, frees: 2, locks: 0 });
}

#[test]
fn outside_a_scope_nothing_is_counted() {
    let before = guard::thread_counts();
    drop(RtScope::enter());
    drop(black_box(Box::new(1)));
    *CountedMutex::new(1).lock() += 1;
    assert_eq!(guard::thread_counts(), before);
    assert!(!RtScope::is_active());
}

#[test]
fn the_inner_of_two_scopes_does_not_end_the_outer() {
    let outer = RtScope::enter();
    drop(RtScope::enter());
    assert!(RtScope::is_active());
    drop(black_box(Box::new(1)));
    assert_eq!(outer.counts(), RtCounts { allocations: 1, frees: 1, locks: 0 });
}

#[test]
fn dropping_an_owned_value_inside_a_scope_is_a_free() {
    let owned = Owned::from(Box::new([0_f32; 64]));
    let scope = RtScope::enter();
    let sum: f32 = owned.iter().sum();
    assert!(scope.counts().is_clean() && sum == 0.0);
    drop(owned);
    assert_eq!(scope.counts(), RtCounts { allocations: 0, frees: 1, locks: 0 });
}

#[test]
fn an_uncontended_lock_inside_a_scope_is_counted_even_if_poisoned() {
    let mutex = Arc::new(CountedMutex::new(5));
    let inner = mutex.clone();
    let poisoner = std::thread::spawn(move || {
        let _held = inner.lock();
        std::panic::resume_unwind(Box::new(()));
    });
    assert!(poisoner.join().is_err());
    let scope = RtScope::enter();
    assert_eq!(*mutex.lock(), 5);
    assert_eq!(scope.counts(), RtCounts { allocations: 0, frees: 0, locks: 1 });
}

#[test]
fn who_waits_on_a_lock_lets_others_have_it_and_each_wait_inside_a_scope_is_counted() {
    let shared = Arc::new((CountedMutex::new(false), Condvar::new()));
    let other = shared.clone();
    let held = shared.0.lock();
    let teller = std::thread::spawn(move || {
        // Only once the one who waits has let go.
        *other.0.lock() = true;
        other.1.notify_all();
    });
    let scope = RtScope::enter();
    let (mut held, mut waits) = (held, 0);
    while !*held {
        held = shared.0.wait(held, &shared.1, Duration::from_secs(10));
        waits += 1;
    }
    assert_eq!(scope.counts(), RtCounts { allocations: 0, frees: 0, locks: waits });
    drop((held, scope));
    teller.join().expect("it ends");
}

#[test]
fn fifo_traffic_inside_a_scope_is_clean() {
    let (mut producer, mut consumer) = fifo::fifo::<u64>(64);
    let mut out = [0; 64];
    let scope = RtScope::enter();
    for n in 0..1000 {
        let _full = producer.push(n);
        producer.write_batch(&[n; 7]);
        consumer.read_batch(&mut out);
        assert!(consumer.pop().is_none());
    }
    assert!(scope.counts().is_clean());
}

static HOOKED: AtomicU64 = AtomicU64::new(0);

std::thread_local! {
    static HOOK_HERE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

#[test]
fn the_hook_sees_a_violation_and_may_allocate_itself() {
    assert!(guard::set_hook(|violation| {
        if HOOK_HERE.get() {
            assert!(!RtScope::is_active());
            drop(black_box(format!("{violation:?}")));
            HOOKED.fetch_add(u64::from(violation == Violation::Lock), Ordering::SeqCst);
        }
    }));
    assert!(!guard::set_hook(|_| ()));
    HOOK_HERE.set(true);
    let all_before = guard::counts();
    let scope = RtScope::enter();
    guard::count_lock();
    guard::count_lock();
    HOOK_HERE.set(false);
    assert_eq!(scope.counts(), RtCounts { allocations: 0, frees: 0, locks: 2 });
    assert_eq!(HOOKED.load(Ordering::SeqCst), 2);
    assert!(guard::counts().locks >= all_before.locks + 2);
}

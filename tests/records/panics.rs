//! A fault of ours: a request panics, wherever that is on its way. It is answered, counted and recorded all the same. The
//! gateway runs in this process, by a clock that panics when it is told to.

use crate::support::config::HOST;
use crate::support::mint::Mint;
use crate::support::raw::{Door, ask};
use crate::support::wait::until;
use crate::world::World;
use curfew::decide::time::Moment;
use curfew::state::clock::{Clock, SystemClock};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::time::Duration;

/// Panics when it is asked the so-many-th time for the steady time by a worker: the line does so while it judges, when it
/// delivers, and once more to tell how long all of it took.
struct Breaking {
    clock: SystemClock,
    after: AtomicI64,
}

impl Clock for Breaking {
    fn now(&self) -> Moment {
        self.clock.now()
    }

    fn steady(&self) -> Duration {
        let is_worker = std::thread::current().name().is_some_and(|name| name.starts_with("worker-"));
        assert!(!is_worker || self.after.fetch_sub(1, SeqCst) != 0, "the clock broke");
        self.clock.steady()
    }
}

#[test]
fn a_request_that_panics_is_told_like_any_refusal() {
    let world = World::prepared("directory: DIR");
    let clock = Arc::new(Breaking { clock: SystemClock::start(), after: AtomicI64::new(-1) });
    let loaded = curfew::control::load(&world.config).unwrap_or_else(|faults| panic!("{faults:?}"));
    let running = curfew::app::start_by(&world.config, loaded, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    let token = Mint::get().rsa.token().sign();
    let asked = |path: &str, id: &str| {
        let fields = format!("Authorization: Bearer {token}\r\nX-Request-Id: {id}\r\nConnection: close\r\n");
        world.try_get(path, &fields)
    };
    let is_served = |id| asked("/orders/1", id).is_ok_and(|answer| answer.status == 200);
    until("it serves", Duration::from_secs(20), || is_served("first").then_some(()));
    let counted = |reason: &str| {
        let wanted = format!("reason=\"{reason}\"");
        let all = metrics(&world);
        let lines = all.lines().filter(|line| line.starts_with("curfew_decisions_total{") && line.contains(&wanted));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum::<f64>()
    };
    let (mut panics, mut answered) = (0.0, 0);
    for nth in 0..20 {
        clock.after.store(nth, SeqCst);
        let id = format!("panics-{nth}");
        let answer = asked("/orders/1", &id);
        if clock.after.swap(-1, SeqCst) >= 0 {
            // It was not asked so often: no request is left that it could break.
            assert!(answer.is_ok_and(|answer| answer.status == 200));
            break;
        }
        // On its way out it takes its connection along, and is told as one whose client gave up.
        let Ok(answer) = answer else { continue };
        panics += 1.0;
        until("it is counted", Duration::from_secs(10), || (counted("internal_error") > panics - 0.5).then_some(()));
        assert!((counted("internal_error") - panics).abs() < 0.5, "once");
        if answer.status == 200 {
            // It had its answer, and panicked behind it.
            continue;
        }
        answered += 1;
        let body = answer.json().unwrap();
        assert_eq!((answer.status, body["reason"].as_str()), (500, Some("internal_error")), "{}", answer.brief());
        let trace = body["trace_id"].as_str().unwrap();
        for name in [trace, &id] {
            let told = until("the record is there", Duration::from_secs(10), || {
                let (code, said, _) = world.run(&["trace", name]);
                (code == 0).then_some(said)
            });
            for part in ["internal_error", "/orders/1", HOST, "orders"] {
                assert!(told.contains(part), "{part}: {told}");
            }
        }
    }
    assert!(panics > 1.5 && answered > 0, "{panics} {answered}");
    assert!(is_served("last"), "the worker goes on");
    let _ = running.shutdown();
}

fn metrics(world: &World) -> String {
    let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answer = ask(&mut Door::plain(world.admin).open().unwrap(), request, Duration::ZERO).unwrap();
    String::from_utf8_lossy(&answer.body).into_owned()
}

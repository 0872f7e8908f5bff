//! Steadiness: whatever happens around the gateway, no request with a good token is refused or lost.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::world::World;
use crate::world::client::Protocol;
use crate::world::load::Load;
use crate::world::process::stdout;
use crate::world::wait::{PATIENCE, bounded, until};

const CORRECT: &str = "curfew_config_reloads_total{result=\"ok\"}";

/// Under load over eight kept connections: the provider is killed and started, its keys are rotated, the certificate
/// is replaced, the config is reloaded a hundred times, some of them faulty.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_happens_around_costs_a_request() {
    bounded(110, async {
        let mut world = World::start_with(|config| config.value["issuers"]["corp"]["refresh"] = "2s".into()).await;
        let load = Load::start(&world.gateway, world.provider.token("es256", 300), "/orders/1");
        let began = Instant::now();

        world.provider.kill();
        let (good, faulty) = reload_often(&mut world, 50).await;
        world.provider.restart();
        println!(
            "{:5.1} s: provider killed, {good} reloads and {faulty} faulty ones, provider back",
            began.elapsed().as_secs_f64()
        );

        world.provider.rotate();
        load.switch(world.provider.token("es256", 300));
        let mut client = world.gateway.connect(Protocol::Http2).await;
        let token = world.provider.token("rs256", 300);
        assert_eq!(client.get("/orders/1", &token).await.verdict(), (200, String::new()));
        load.switch(token);
        println!("{:5.1} s: keys rotated, tokens switched", began.elapsed().as_secs_f64());

        for number in 0..5 {
            let name = format!("number {number}");
            world.gateway.config.authority.write("server", &name, &["api.test", "localhost", "127.0.0.1"]);
            until("the certificate is served", PATIENCE, async || (served(&world) == name).then_some(())).await;
        }
        println!("{:5.1} s: certificate replaced five times", began.elapsed().as_secs_f64());

        let (more, more_faulty) = reload_often(&mut world, 50).await;
        println!("{:5.1} s: {more} more reloads, {more_faulty} faulty ones", began.elapsed().as_secs_f64());
        let rest = Duration::from_secs(15).saturating_sub(began.elapsed());
        tokio::time::sleep(rest).await;

        let seconds = began.elapsed().as_secs_f64();
        let counts = load.stop().await;
        println!("steady: {} in {seconds:.1} s", counts.line());
        assert!(counts.admitted > 1000, "{}", counts.line());
        assert!(counts.refused.is_empty() && counts.dropped.is_empty() && counts.turned_away == 0, "{}", counts.line());
    })
    .await;
}

/// An upstream that restarts ends its kept connections, idle ones at once, those in use after their answer; a request
/// that falls into that gap never reached it, and is sent again.
#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_ends_its_connections_costs_no_request() {
    bounded(60, async {
        let world = World::start().await;
        let load = Load::start(&world.gateway, world.provider.token("es256", 300), "/orders/1");
        for _ in 0..50 {
            let (connections, seen) = (world.upstream.connections(), world.upstream.seen());
            world.upstream.end_connections();
            until("the upstream is connected to again", PATIENCE, async || {
                (world.upstream.connections() > connections && world.upstream.seen() > seen + 20).then_some(())
            })
            .await;
        }
        let counts = load.stop().await;
        println!("upstream, {} connections: {}", world.upstream.connections(), counts.line());
        assert!(counts.refused.is_empty() && counts.dropped.is_empty(), "{}", counts.line());
    })
    .await;
}

/// The common name of the certificate that is served now.
fn served(world: &World) -> String {
    let address = format!("127.0.0.1:{}", world.gateway.config.port);
    let said = stdout(Command::new("openssl").args(["s_client", "-connect", &address, "-servername", "api.test"]));
    let name = said.lines().find_map(|line| line.trim().strip_prefix("subject=CN = "));
    name.unwrap_or_default().to_owned()
}

/// Reloads so many times, every tenth time with a fault; each waits until the gateway has taken it or told of it.
async fn reload_often(world: &mut World, times: u32) -> (u32, u32) {
    let (mut good, mut faulty) = (0, 0);
    for number in 0..times {
        let wrong = number % 10 == 9;
        let before = reloads(world).await;
        world.gateway.reload(|config| {
            config["limits"] = json!({ "idle_timeout": format!("{}s", 60 + number) });
            config["routes"][0]["timeouts"] = json!({ "request": format!("{}s", 20 + number) });
            config["routes"][0]["methods"] = if wrong { json!("a fault") } else { json!([]) };
            if !wrong {
                config["routes"][0].as_object_mut().unwrap().remove("methods");
            }
        });
        until("the reload is told of", PATIENCE, async || (reloads(world).await > before).then_some(())).await;
        if wrong { faulty += 1 } else { good += 1 }
    }
    (good, faulty)
}

async fn reloads(world: &World) -> f64 {
    world.gateway.metric("curfew_config_reloads_total", &[]).await
}

/// A faulty config changes nothing and says so; the next good one is taken.
#[tokio::test(flavor = "multi_thread")]
async fn a_faulty_config_never_takes_over() {
    bounded(60, async {
        let mut world = World::start().await;
        let token = world.provider.token("es256", 60);
        let mut client = world.gateway.connect(Protocol::Http2).await;
        let (good, all) = (world.gateway.metric(CORRECT, &[]).await, reloads(&world).await);
        world.gateway.reload(|config| config["routes"][0]["upstream"] = "nowhere".into());
        until("the fault is told of", PATIENCE, async || (reloads(&world).await > all).then_some(())).await;
        assert_eq!(world.gateway.metric(CORRECT, &[]).await, good, "{}", world.gateway.metrics().await);
        assert_eq!(client.get("/orders/1", &token).await.status, 200);
        assert!(world.gateway.process.said().contains("nowhere"), "the log names the fault");

        world.gateway.reload(|config| {
            config["routes"][0]["upstream"] = "main".into();
            config["routes"][0]["path"] = "/parcels/**".into();
        });
        let client = tokio::sync::Mutex::new(client);
        until("the new route is there", PATIENCE, async || {
            (client.lock().await.get("/parcels/1", &token).await.status == 200).then_some(())
        })
        .await;
        assert_eq!(client.lock().await.get("/orders/1", &token).await.verdict(), (404, "route_not_found".into()));
    })
    .await;
}

/// SIGTERM under load: what was accepted is answered, connections end politely, the exit code is 0.
#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_drops_no_request() {
    bounded(60, async {
        let mut world = World::start().await;
        let token = world.provider.token("es256", 60);
        let quick = Load::start(&world.gateway, token.clone(), "/orders/1");
        let slow = Load::start(&world.gateway, token, "/orders/1?ms=400");
        until("the load runs", PATIENCE, async || (world.upstream.seen() > 300).then_some(())).await;
        let began = Instant::now();
        let status = world.gateway.stop().await;
        println!("ended {status} {:?} after SIGTERM", began.elapsed());
        let (quick, slow) = (quick.stop().await, slow.stop().await);
        println!("shutdown, quick: {}", quick.line());
        println!("shutdown, slow: {}", slow.line());
        assert!(status.success(), "{status}");
        for counts in [quick, slow] {
            assert!(counts.dropped.is_empty() && counts.refused.is_empty(), "{}", counts.line());
            assert_eq!(counts.turned_away, 8, "each connection ended, none could be opened again");
        }
    })
    .await;
}

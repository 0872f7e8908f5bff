//! A closed loop over kept connections: each sends a request, waits for the answer, sends the next.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, RwLock};
use std::time::Instant;

use tokio::task::JoinSet;

use super::client::{Client, Failure, Protocol};
use super::gateway::Gateway;

/// What became of the requests.
#[derive(Debug, Default)]
pub struct Counts {
    /// Answered with 200.
    pub admitted: u64,
    /// Answered with anything else, by status and reason.
    pub refused: BTreeMap<(u16, String), u64>,
    /// Sent and not answered whole, and why.
    pub dropped: Vec<String>,
    /// Connections that ended between two requests, so that another was opened.
    pub reconnects: u64,
    /// Connections that were refused after the first.
    pub turned_away: u64,
    /// The slowest answer, in milliseconds.
    pub slowest_ms: u128,
}

impl Counts {
    /// One line.
    pub fn line(&self) -> String {
        format!(
            "{} admitted, {} refused {:?}, {} dropped {:?}, {} reconnects, {} turned away, slowest answer {} ms",
            self.admitted,
            self.refused.values().sum::<u64>(),
            self.refused,
            self.dropped.len(),
            self.dropped,
            self.reconnects,
            self.turned_away,
            self.slowest_ms
        )
    }

    fn add(&mut self, other: Self) {
        self.admitted += other.admitted;
        for (verdict, count) in other.refused {
            *self.refused.entry(verdict).or_default() += count;
        }
        self.dropped.extend(other.dropped);
        self.reconnects += other.reconnects;
        self.turned_away += other.turned_away;
        self.slowest_ms = self.slowest_ms.max(other.slowest_ms);
    }
}

/// A load that runs until it is told to stop.
pub struct Load {
    token: Arc<RwLock<String>>,
    stop: Arc<AtomicBool>,
    loops: JoinSet<Counts>,
}

impl Load {
    /// Starts eight connections, every other one HTTP/2.
    pub fn start(gateway: &Gateway, token: String, path: &'static str) -> Self {
        let mut load = Self { token: Arc::new(RwLock::new(token)), stop: Arc::default(), loops: JoinSet::new() };
        for number in 0..8 {
            let protocol = if number % 2 == 0 { Protocol::Http1 } else { Protocol::Http2 };
            let (port, ca) = (gateway.config.port, gateway.ca());
            load.loops.spawn(work(port, ca, protocol, path, load.token.clone(), load.stop.clone()));
        }
        load
    }

    /// Uses another token from now on.
    pub fn switch(&self, token: String) {
        *self.token.write().unwrap() = token;
    }

    /// Ends the load and counts.
    pub async fn stop(mut self) -> Counts {
        self.stop.store(true, Relaxed);
        let mut counts = Counts::default();
        while let Some(done) = self.loops.join_next().await {
            counts.add(done.unwrap());
        }
        counts
    }
}

async fn work(
    port: u16,
    ca: PathBuf,
    protocol: Protocol,
    path: &str,
    token: Arc<RwLock<String>>,
    stop: Arc<AtomicBool>,
) -> Counts {
    let mut counts = Counts::default();
    let mut client = Client::connect(port, &ca, protocol).await.expect("the gateway accepts");
    while !stop.load(Relaxed) {
        let token = token.read().unwrap().clone();
        let began = Instant::now();
        match client.try_get(path, &token).await {
            Ok(answer) if answer.status == 200 => counts.admitted += 1,
            Ok(answer) => *counts.refused.entry(answer.verdict()).or_default() += 1,
            Err(failure) => {
                match failure {
                    Failure::Unsent => counts.reconnects += 1,
                    Failure::Lost(error) => counts.dropped.push(format!("{protocol:?}: {error}")),
                }
                match Client::connect(port, &ca, protocol).await {
                    Ok(again) => client = again,
                    Err(_) => {
                        counts.turned_away += 1;
                        break;
                    }
                }
            }
        }
        counts.slowest_ms = counts.slowest_ms.max(began.elapsed().as_millis());
    }
    counts
}

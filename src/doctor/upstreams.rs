//! The upstreams: does each endpoint answer, how fast, and with which certificate?

use super::certificates::judged;
use super::checkup::PROBE;
use super::finding::Finding;
use super::issuers::words;
use super::known::KnownEndpoint;
use super::pem;
use crate::control::settings::Config;
use crate::decide::time::Timestamp;
use crate::upstream::{Address, Settings, examine};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _};
use std::time::Duration;

const PAGE: &str = "doctor.md#upstreams";

/// How many are asked at once.
const AT_ONCE: usize = 32;

/// How many are asked at all: the whole is to end soon.
const MOST: usize = 256;

/// What is slow for a connection inside of one site.
const SLOW: Duration = Duration::from_millis(500);

pub(super) async fn look(config: &Config, known: &[KnownEndpoint], now: Timestamp) -> Vec<Finding> {
    let mut asked: Vec<BoxFuture<'_, Vec<Finding>>> = Vec::new();
    for (name, settings) in &config.upstreams {
        for address in settings.endpoints.iter().take(MOST.saturating_sub(asked.len())) {
            let url = String::from(address.clone());
            let seen = known.iter().find(|one| one.upstream == *name && one.endpoint == url);
            asked.push(one(name, settings, address, seen, now).boxed());
        }
    }
    stream::iter(asked).buffer_unordered(AT_ONCE).concat().await
}

async fn one(
    name: &str,
    settings: &Settings,
    address: &Address,
    known: Option<&KnownEndpoint>,
    now: Timestamp,
) -> Vec<Finding> {
    let (what, url) = (format!("upstreams.{name}"), String::from(address.clone()));
    let others = settings.endpoints.len() - 1;
    let then = match others {
        0 => "requests to it are answered 502".to_owned(),
        others => format!("the other {others} of it have to bear its requests"),
    };
    let left_out = known.is_some_and(|known| !known.used);
    match examine(settings, address, PROBE).await {
        Err(why) => vec![
            Finding::wrong(what, format!("{url} cannot be reached: {why}"))
                .then(then.clone())
                .cure("see whether it runs, and whether its name, its port and `tls` are right", PAGE),
        ],
        Ok(seen) => {
            let says = format!("{url} takes connections, in {}", words(seen.took));
            let says = seen.tls.iter().fold(says, |says, (version, _)| format!("{says}, over {version}"));
            let mut found = vec![if left_out {
                Finding::wrong(what.clone(), format!("{says}, but it is left out: its probes or its answers fail"))
                    .then(then.clone())
                    .cure("the gateway's log says what it answers", PAGE)
            } else if seen.took > SLOW {
                Finding::unwise(what.clone(), says).cure("see whether it is overloaded, or far away", PAGE)
            } else {
                Finding::fine(what.clone(), says)
            }];
            let term = seen.tls.and_then(|(_, der)| pem::term(&der?));
            found.extend(term.map(|term| judged(&what, &format!("{url}: the certificate"), &term, None, now, &then)));
            found
        }
    }
}

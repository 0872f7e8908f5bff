//! Spans on their way to the collector: a bounded queue, and one task that sends them in batches. While the collector is
//! away a batch is kept and tried again; what the queue cannot hold is dropped, and counted.
//!
//! The task lives in the control runtime, and builds the spans too: the line only hands over what it knows. The SDK's own processor exports from a thread without a reactor, where an
//! async client cannot run, and does not say how much it drops.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tokio::sync::OwnedMutexGuard;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_util::sync::CancellationToken;

use super::meter::SpanCounts;
use super::record::{Lent, Record};
use super::span;
use crate::notice::{Trouble, supervised_with};

/// As many spans may wait as the specification of the SDK says.
const QUEUE: usize = 2048;
const BATCH: usize = 256;
/// The task looks by itself: to wake it for each span would cost the line a system call.
const PERIOD: Duration = Duration::from_millis(200);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// With the pauses between them, these take a minute: a collector may be restarted, but a batch that it never takes
/// must not stand in the way of the others.
const ATTEMPTS: u32 = 16;

/// The end of the queue that the line holds.
#[derive(Debug)]
pub(super) struct Queue {
    sender: Sender<Arc<Record>>,
    counts: Arc<SpanCounts>,
}

impl Queue {
    /// Takes what the exchange's spans will tell, if there is room for it.
    pub fn push(&self, lent: &mut Lent<'_, '_>) {
        match self.sender.try_reserve() {
            Ok(place) => place.send(lent.record()),
            Err(_) => {
                let spans = 1 + lent.exchange.delivery.map_or(0, |delivery| delivery.attempts.len());
                self.counts.dropped.fetch_add(spans as u64, Relaxed);
            }
        }
    }
}

/// The two ends, put to work: the queue for the line, and the task to run in the control runtime.
pub(super) fn start<E: SpanExporter>(
    exporter: E,
    counts: Arc<SpanCounts>,
    scope: InstrumentationScope,
    stop: CancellationToken,
) -> (Queue, impl Future<Output = ()> + Send) {
    let (sender, receiver) = channel(QUEUE);
    let task = Task { exporter, receiver, counts: counts.clone(), scope, stop, away: Trouble::default() };
    let run = |mut task: OwnedMutexGuard<Task<E>>| async move { task.run().await };
    (Queue { sender, counts }, supervised_with("the export of spans", task, run))
}

struct Task<E> {
    exporter: E,
    receiver: Receiver<Arc<Record>>,
    counts: Arc<SpanCounts>,
    scope: InstrumentationScope,
    stop: CancellationToken,
    /// That the collector does not take spans.
    away: Trouble,
}

impl<E: SpanExporter> Task<E> {
    async fn run(&mut self) {
        loop {
            let last = self.stop.is_cancelled();
            let batch = self.take();
            let full = batch.len() == BATCH;
            if !batch.is_empty() {
                self.send(batch).await;
            }
            if last && !full {
                return;
            }
            if !full {
                self.pause(PERIOD).await;
            }
        }
    }

    fn take(&mut self) -> Vec<Arc<Record>> {
        let receiver = &mut self.receiver;
        std::iter::from_fn(|| receiver.try_recv().ok()).take(BATCH).collect()
    }

    async fn pause(&self, span: Duration) {
        let _ = tokio::time::timeout(span, self.stop.cancelled()).await;
    }

    /// Tries until the collector has it. After the stop there is no second try.
    async fn send(&mut self, batch: Vec<Arc<Record>>) {
        let (mut count, mut pause) = (0, FIRST_PAUSE);
        for _ in 0..ATTEMPTS {
            let spans: Vec<SpanData> = batch.iter().flat_map(|record| span::build(record, &self.scope)).collect();
            count = spans.len() as u64;
            match self.exporter.export(spans).await {
                Ok(()) => return self.arrived(count),
                Err(fault) => self.failed(&fault),
            }
            if self.stop.is_cancelled() {
                break;
            }
            self.pause(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.counts.dropped.fetch_add(count, Relaxed);
    }

    fn arrived(&mut self, count: u64) {
        self.counts.exported.fetch_add(count, Relaxed);
        if let Some(out) = self.away.over() {
            tracing::info!(%out, "the collector takes spans again");
        }
    }

    fn failed(&mut self, fault: &opentelemetry_sdk::error::OTelSdkError) {
        if let Some(repeats) = self.away.met(&fault.to_string()) {
            tracing::warn!(%fault, repeats, "the collector does not take spans; they wait, and are dropped when too many do");
        }
    }
}

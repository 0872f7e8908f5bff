//! What a shadow policy would have refused: counted by route, policy and reason.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::meter::{Meter, lock};
use super::names::metric;
use crate::decide::reason::Reason;
use crate::decide::verdict::Verdict;

/// The counters of one shadow policy on one route.
#[derive(Debug)]
pub struct ShadowMeter {
    /// The policy's name.
    pub policy: Arc<str>,
    refused: Box<[AtomicU64]>,
}

impl ShadowMeter {
    pub(super) fn new(policy: &str) -> Self {
        Self { policy: policy.into(), refused: Reason::ALL.iter().map(|_| AtomicU64::new(0)).collect() }
    }

    pub(super) fn count(&self, reason: Reason) {
        // The table of reasons lists them in the order of their numbers.
        if let Some(count) = self.refused.get(reason as usize) {
            count.fetch_add(1, Relaxed);
        }
    }
}

/// What a shadow policy would have refused, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Shadowed<'a> {
    /// Who counts it, and which policy it is.
    pub meter: &'a ShadowMeter,
    /// Its judgement.
    pub verdict: &'a Verdict,
}

pub(super) fn write(meter: &Meter, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let about = metric::SHADOW_REFUSALS;
    let mut family = out.encode_descriptor(about.name, about.help, None, MetricType::Counter)?;
    for ((route, policy), shadow) in &*lock(&meter.shadows) {
        for (reason, count) in Reason::ALL.iter().zip(&shadow.refused) {
            let count = count.load(Relaxed);
            if count > 0 {
                let labels = [("route", &**route), ("policy", policy), ("reason", reason.code())];
                family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
        }
    }
    Ok(())
}

//! What the second form of a record has beyond the first. It stands at the end: of a record in the first form nothing is left
//! there, and nothing of it is known.

use std::borrow::Cow;

use super::wire::{Bytes, Wire, wired};
use crate::decide::time::millis;
use crate::telemetry::record::Record;

wired! {
    /// What was added.
    struct Added<'a> {
        /// From the event that the entry tells of to its enforcement, in milliseconds.
        lag: Option<i64>,
        /// The tenant, as metrics tell it.
        tenant: Option<Cow<'a, str>>,
    }
}

/// The same, if it is there.
#[derive(Debug)]
pub(super) struct Later<'a>(Option<Added<'a>>);

impl<'a> Later<'a> {
    pub fn of(record: &'a Record) -> Self {
        let lag = record.revoked.as_deref().and_then(|entry| entry.lag).map(millis);
        Self(Some(Added { lag, tenant: record.tenant.as_deref().map(Cow::Borrowed) }))
    }

    pub fn lag(&self) -> Option<i64> {
        self.0.as_ref().and_then(|added| added.lag)
    }

    pub fn tenant(&self) -> Option<&str> {
        self.0.as_ref().and_then(|added| added.tenant.as_deref())
    }
}

impl<'a> Wire<'a> for Later<'a> {
    fn put(&self, out: &mut Vec<u8>) {
        if let Some(added) = &self.0 {
            added.put(out);
        }
    }

    fn take(from: &mut Bytes<'a>) -> Option<Self> {
        let added = if from.0.is_empty() { None } else { Some(Added::take(from)?) };
        Some(Self(added))
    }
}

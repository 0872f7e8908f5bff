//! Time as a value. Wall time judges claims; steady time judges what we saw ourselves.
//! Reading a clock is not done here: `state/clock` does it, once per request.

use std::fmt;
use std::time::Duration;

/// A point in wall time: milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// The last second of the year 9999; a claim beyond it is refused, never wrapped.
const LATEST_S: i64 = 253_402_300_799;

impl Timestamp {
    /// From whole milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// From whole seconds since the epoch.
    #[must_use]
    pub const fn from_secs(s: i64) -> Self {
        Self(s.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// A `NumericDate` (RFC 7519 §2), rounded down to the millisecond: the cautious side for `exp`.
    #[must_use]
    pub fn from_numeric_floor(seconds: f64) -> Option<Self> {
        Self::from_numeric(seconds, f64::floor)
    }

    /// A `NumericDate` (RFC 7519 §2), rounded up to the millisecond: the cautious side for `nbf`.
    #[must_use]
    pub fn from_numeric_ceil(seconds: f64) -> Option<Self> {
        Self::from_numeric(seconds, f64::ceil)
    }

    fn from_numeric(seconds: f64, round: fn(f64) -> f64) -> Option<Self> {
        let inside = seconds.is_finite() && (0.0..=LATEST_S as f64).contains(&seconds);
        // Inside the range, the product is far below 2^53, so the conversion is exact.
        inside.then(|| Self(round(seconds * 1000.0) as i64))
    }

    /// This instant, later by `span`.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }

    /// This instant, earlier by `span`.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }

    /// Milliseconds from `earlier` to this instant; negative if this one is the earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// RFC 3339 in UTC, to the millisecond.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, ms) = (self.0.div_euclid(86_400_000), self.0.rem_euclid(86_400_000));
        let (year, month, day) = civil(days);
        let (h, m, s) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{:03}Z", ms % 1000)
    }
}

/// Days since the epoch to a date of the proleptic Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days.saturating_add(719_468);
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

/// A duration in whole milliseconds, saturating.
#[must_use]
pub fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// The one instant at which a request is judged, on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Moment {
    /// Wall time: what claims are compared with.
    pub wall: Timestamp,
    /// Time since the process started, on a clock that is never stepped.
    pub steady: Duration,
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn numeric_dates_round_to_the_cautious_side() {
        assert_eq!(Timestamp::from_numeric_floor(1.0005), Some(Timestamp::from_millis(1000)));
        assert_eq!(Timestamp::from_numeric_ceil(1.0005), Some(Timestamp::from_millis(1001)));
        for bad in [-1.0, f64::NAN, f64::INFINITY, 1e18, 253_402_300_800.0] {
            assert_eq!(Timestamp::from_numeric_floor(bad), None, "{bad}");
        }
    }

    #[test]
    fn instants_print_as_rfc_3339() {
        assert_eq!(Timestamp::from_millis(1_793_594_096_789).to_string(), "2026-11-02T04:34:56.789Z");
        assert_eq!(Timestamp::from_secs(951_782_400).to_string(), "2000-02-29T00:00:00.000Z");
    }
}

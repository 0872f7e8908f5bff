//! What metrics tell of the questions that issuers were asked about tokens.

use super::names::metric;
use super::scrape::Gauges;

/// What was asked of an issuer about tokens.
#[derive(Clone, Debug, Default)]
pub struct Introspection<'a> {
    /// The issuer.
    pub issuer: &'a str,
    /// What was learnt, and how often.
    pub answers: [(&'static str, u64); 3],
    /// How long it took: the sum, and each bucket by itself.
    pub took: (f64, Vec<(f64, u64)>),
    /// How often an answer was known.
    pub cached: u64,
    /// How often it was not asked, and why.
    pub unasked: [(&'static str, u64); 2],
    /// How many answers are kept.
    pub entries: usize,
    /// Is it left alone?
    pub paused: bool,
}

impl Gauges {
    /// What was asked of an issuer about tokens.
    pub fn introspection(&mut self, seen: Introspection<'_>) {
        let issuer = ("issuer", seen.issuer);
        for (result, count) in seen.answers {
            self.count(metric::INTROSPECTION_ANSWERS, &[issuer, ("result", result)], count);
        }
        for (cause, count) in seen.unasked {
            self.count(metric::INTROSPECTION_UNASKED, &[issuer, ("cause", cause)], count);
        }
        self.spread(metric::INTROSPECTION_DURATION, &[issuer], seen.took);
        self.count(metric::INTROSPECTION_CACHED, &[issuer], seen.cached);
        self.put(metric::INTROSPECTION_ENTRIES, &[issuer], seen.entries as f64);
        self.put(metric::INTROSPECTION_PAUSED, &[issuer], f64::from(u8::from(seen.paused)));
    }
}

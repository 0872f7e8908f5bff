//! What one block cannot know of another: names that are used are there, routes are told apart, nothing is looser
//! than it may be; and what parses but is unwise. One subject a file; nothing is built and nobody is called.
//!
//! | file | asks |
//! |---|---|
//! | `references` | is every name that is used there, and every one that is there used? |
//! | `gateway` | are gateway, limits, telemetry and admin sound together? |
//! | `tenants` | can the tenants by which is counted be told apart? |
//! | `audit` | can the audit log be believed, and is it kept? |
//! | `places` | is what is written to written by one alone? |
//! | `listeners` | can every listener be opened, and is the clear said on purpose? |
//! | `issuers` | can a token of each issuer be trusted, and its keys be had? |
//! | `revocation` | does every source feed an issuer that somebody trusts? |
//! | `introspection` | can whoever is to be asked about tokens be asked? |
//! | `upstreams` | has each an endpoint, and names to be balanced and probed by? |
//! | `policies` | can each policy be kept, and does it say what was meant? |
//! | `sessions` | can each limit of sessions be reached, and be told? |
//! | `lasting` | does every session end, and does its user hear of it? |
//! | `jitter` | is there a limit for it to spread, and enough left of that? |
//! | `sharing` | can sessions be shared with other instances, and in time? |
//! | `guard` | does every guarded route have what guards it? |
//! | `patterns` | is each host, path and method one, and are routes told apart? |
//! | `reach` | can a request reach each route, and the one that was meant? |
//! | `fields` | may these header fields and cookies be set? |
//! | `tighten` | is nothing looser than `defaults` without leave? |
//! | `rules`, `conditions` | does every rule of a policy tighten something, for somebody? |
//! | `presets` | does every policy keep the preset that it names? |
//! | `files` | are the files there? |

mod audit;
mod conditions;
mod fields;
mod files;
mod gateway;
mod guard;
mod introspection;
mod issuers;
mod jitter;
mod lasting;
mod listeners;
mod patterns;
mod places;
mod policies;
mod presets;
mod reach;
mod references;
mod revocation;
mod rules;
mod sessions;
mod sharing;
mod tell;
mod tenants;
mod tighten;
mod upstreams;

use super::config::{Fault, Spans, in_order};
use super::settings::Config;

type Subject = fn(&Config, &Spans) -> Vec<Fault>;

const SUBJECTS: &[Subject] = &[
    references::check,
    gateway::check,
    tenants::check,
    audit::check,
    places::check,
    listeners::check,
    issuers::check,
    revocation::check,
    introspection::check,
    upstreams::check,
    policies::check,
    sessions::check,
    lasting::check,
    sharing::check,
    jitter::check,
    guard::check,
    patterns::check,
    reach::check,
    fields::check,
    tighten::check,
    rules::check,
    presets::check,
    files::check,
];

/// Subjects that look at a name or a route by itself, so that a fault elsewhere brings no others. The rest compare what
/// may be a default only because a fault was taken out of the way.
const OF_THE_REST: &[Subject] = &[references::known, patterns::check, fields::check];

/// All that is wrong or unwise, in the order of the text. No fault shows a line that another one hides.
#[must_use]
pub fn check(config: &Config, spans: &Spans) -> Vec<Fault> {
    in_order(SUBJECTS.iter().flat_map(|subject| subject(config, spans)).collect())
}

/// What is wrong for certain with a config that was read around faults, and does not follow from them.
#[must_use]
pub fn check_rest(config: &Config, spans: &Spans) -> Vec<Fault> {
    OF_THE_REST.iter().flat_map(|subject| subject(config, spans)).collect()
}

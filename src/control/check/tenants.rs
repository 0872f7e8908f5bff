//! Tenants by which decisions are counted: can they be told apart, and are they no people?

use super::tell::Faults;
use crate::control::config::{Fault, Spans};
use crate::control::settings::Config;
use crate::settings::OrOff;
use crate::telemetry::TenantsByClaim;

/// Claims that are read and taken away before the others can be asked for, and say nothing of a tenant.
const READ: &[&str] = &["iss", "aud", "exp", "nbf", "iat", "auth_time", "jti"];
/// Claims that name people or their sessions.
const PEOPLE: &[&str] = &["sub", "sid", "email", "preferred_username", "name", "phone_number", "upn", "oid"];

pub(super) fn check(config: &Config, spans: &Spans) -> Vec<Fault> {
    let mut faults = Faults::of(spans);
    let OrOff::On(TenantsByClaim { claim, names, most }) = &config.telemetry.tenants else { return faults.list() };
    if claim.is_empty() || READ.contains(&claim.as_str()) {
        let help = "write the claim that names the tenant, such as `tenant` or `org.id`";
        faults.error("telemetry.tenants.claim", "this claim names no tenant", help);
    }
    if PEOPLE.contains(&claim.as_str()) {
        let help = "write the claim that names the tenant; metrics tell it to whoever may read them";
        faults.warn("telemetry.tenants.claim", "this claim names people, not tenants", help);
    }
    if !(1..=TenantsByClaim::MOST).contains(most) {
        let help = "write 1 to 200: each has series of its own on each route, all others are `other`";
        faults.error("telemetry.tenants.most", "so many tenants cannot be told apart", help);
    } else if names.len() > *most {
        let help = "write a greater `most`, or fewer names";
        faults.error("telemetry.tenants.names", "there are more names than `most`", help);
    }
    faults.list()
}

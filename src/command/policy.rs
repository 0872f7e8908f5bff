//! `curfew policy show`: what holds on a route, for somebody, and where it was written.

use super::completions::print;
use super::exit::Exit;
use super::usage;
use crate::control;
use crate::control::config::render_all;
use crate::control::resolved::{Asker, Resolved, resolve};
use crate::control::settings::Config;
use crate::decide::claims::Claims;
use crate::token::claims;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::io::IsTerminal as _;

/// Shows it.
#[must_use]
pub fn show(what: &usage::PolicyShow) -> Exit {
    let path = &what.config.config;
    let loaded = match control::load(path) {
        Ok(loaded) => loaded,
        Err(faults) => {
            let source = control::source(path).unwrap_or_default();
            eprintln!("{}", render_all(&faults, &source, std::io::stderr().is_terminal()));
            return Exit::Faulty;
        }
    };
    match told(&loaded.config, what) {
        Ok(text) => print(text.as_bytes()),
        Err(fault) => {
            eprintln!("curfew policy show: {fault}");
            Exit::Broke
        }
    }
}

/// What is printed.
///
/// # Errors
/// What of the command line cannot be used.
pub fn told(config: &Config, what: &usage::PolicyShow) -> Result<String, String> {
    let asker = Asker { claims: read(&what.claims)?, peer: what.client_ip };
    let resolved = resolve(config, &what.route, &asker).ok_or_else(|| {
        let names: Vec<&str> = config.routes.iter().map(|route| route.name.as_str()).collect();
        format!("there is no route `{}`: there are {}", what.route, names.join(", "))
    })?;
    if what.json {
        return serde_json::to_string_pretty(&resolved).map(|text| text + "\n").map_err(|error| error.to_string());
    }
    Ok(text(&resolved, what))
}

/// Claims as they were given; one that was given several times is an array. What is JSON is read as such.
fn read(given: &[String]) -> Result<Claims, String> {
    let mut payload = Map::new();
    for claim in given {
        let (name, value) =
            claim.split_once('=').ok_or_else(|| format!("`{claim}` is no claim: write it as name=value"))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        match payload.get_mut(name) {
            None => _ = payload.insert(name.to_owned(), value),
            Some(Value::Array(values)) => values.push(value),
            Some(one) => *one = Value::Array(vec![one.take(), value]),
        }
    }
    claims::read(payload, "sid").map_err(|fault| format!("the claim `{}` is {}", fault.claim, fault.expected))
}

fn text(resolved: &Resolved, what: &usage::PolicyShow) -> String {
    let mut out = format!("route   {} ({})\n", resolved.route, resolved.path);
    let Some(policy) = &resolved.policy else {
        out.push_str("policy  none: the route is open, and no token is asked for\n");
        return out;
    };
    let _ = writeln!(out, "policy  {policy}");
    if let Some(preset) = resolved.preset {
        let _ = writeln!(out, "preset  {preset}");
    }
    let from = what.client_ip.map(|ip| format!("from {ip}"));
    let asker: Vec<String> = what.claims.iter().cloned().chain(from).collect();
    if !asker.is_empty() {
        let _ = writeln!(out, "asked   {}", asker.join(", "));
    }
    limits(&mut out, resolved);
    rules(&mut out, resolved);
    out
}

fn limits(out: &mut String, resolved: &Resolved) {
    let rows = resolved.limits.iter().map(|row| {
        let relaxed = row.relaxed.as_ref().map(|reason| format!("  (relaxed: {reason})")).unwrap_or_default();
        [row.limit.clone(), row.value.clone(), format!("{}{relaxed}", row.origin)]
    });
    let head = ["limit", "value", "written in"].map(str::to_owned);
    table(out, &std::iter::once(head).chain(rows).collect::<Vec<_>>());
}

fn rules(out: &mut String, resolved: &Resolved) {
    let rows = resolved
        .rules
        .iter()
        .map(|rule| [rule.rule.clone(), if rule.holds { "holds" } else { "-" }.to_owned(), condition(&rule.r#if)]);
    let rows: Vec<_> = std::iter::once(["rule", "here", "is for"].map(str::to_owned)).chain(rows).collect();
    if rows.len() > 1 {
        table(out, &rows);
    }
}

/// Columns as wide as what stands in them.
fn table(out: &mut String, rows: &[[String; 3]]) {
    let wide = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let (first, second) = (wide(0), wide(1));
    out.push('\n');
    for [one, two, three] in rows {
        let _ = writeln!(out, "{one:first$}  {two:second$}  {three}");
    }
}

/// A condition in words.
fn condition(asked: &Value) -> String {
    let list = |value: &Value| match value {
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(" or "),
        other => plain(other),
    };
    let claim = |claim: &Value| {
        let name = claim.get("claim").map(plain).unwrap_or_default();
        match (claim.get("equals").or_else(|| claim.get("any_of")), claim.get("present")) {
            (Some(value), _) => format!("{name} is {}", list(value)),
            (None, Some(Value::Bool(false))) => format!("no {name}"),
            _ => format!("any {name}"),
        }
    };
    let mut parts: Vec<String> = Vec::new();
    parts.extend(asked.get("claims").and_then(Value::as_array).into_iter().flatten().map(claim));
    for (field, words) in [
        ("issuers", "issuer is"),
        ("clients", "client is"),
        ("acr", "acr is"),
        ("networks", "from"),
        ("outside", "not from"),
    ] {
        parts.extend(asked.get(field).map(|value| format!("{words} {}", list(value))));
    }
    parts.join(", ")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

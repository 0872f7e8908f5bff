//! What is told of the rest of a faulty config: what is wrong for certain, and nothing that follows from the fault.

use super::*;
use crate::control::read;

const WHOLE: &str = include_str!("../../../../config/curfew.yaml");

/// Two routes that only their hosts and methods tell apart, and a field that is free only as `identity` says so.
const SMALL: &str = "\
version: 1
listeners:
- { name: public, address: 127.0.0.1:8080, plaintext: true }
- { name: second, address: 127.0.0.1:8081, plaintext: true }
issuers: { corp: { issuer: https://id.example.com, audiences: [https://api.example.com] } }
upstreams:
  orders: { endpoints: [https://orders.internal] }
  bills: { endpoints: [https://bills.internal] }
policies: { api: { issuers: [corp], scopes: [read] }, own: { scopes: [write] } }
defaults: { policy: api }
routes:
- { name: a, hosts: [a.example], path: /a, upstream: orders }
- { name: b, hosts: [b.example, c.example], path: /a, upstream: bills, policy: own }
- { name: c, methods: [GET], path: /b, upstream: orders, identity: { X-User: sub } }
- { name: d, methods: [PUT, POST], path: /b, upstream: bills, identity: { X-User: sub }, headers: { request: { set: { curfew-subject: none } } } }
";

const UPSTREAMS: &str = "\
upstreams:
  orders: { endpoints: [https://orders.internal] }
  bills: { endpoints: [https://bills.internal] }
";

fn told(text: &str) -> Vec<String> {
    read("c.yaml", text.to_owned()).map_or_else(|faults| faults.iter().map(brief).collect(), |_| Vec::new())
}

/// The text with this range of bytes replaced.
fn put(text: &str, range: &std::ops::Range<usize>, by: &str) -> String {
    format!("{}{by}{}", &text[..range.start], &text[range.end..])
}

/// What parsing alone tells of a text that does not parse.
fn parsing(text: &str) -> Option<Vec<String>> {
    let broken = parse::<crate::control::settings::Config>("c.yaml", text).err()?;
    Some(broken.faults.iter().map(brief).collect())
}

#[test]
fn one_wrong_value_is_one_fault() {
    for good in [SMALL, WHOLE] {
        assert!(read("c.yaml", good.to_owned()).is_ok(), "{:#?}", told(good));
        let tree = reader::read(good).tree;
        for id in 1..tree.len() {
            let node = tree.node(id);
            let is_scalar = matches!(node.content, tree::Content::Scalar { .. });
            for wrong in ["{ zz: 1 }", "[[]]"].into_iter().filter(|_| is_scalar) {
                let text = put(good, &node.range, wrong);
                // Where anything may stand, as in a claim's value, this is not wrong.
                if let Some(parsing) = parsing(&text) {
                    assert_eq!(parsing.len(), 1, "{}: {parsing:#?}", tree.path(id));
                    assert_eq!(told(&text), parsing, "{} is {wrong}", tree.path(id));
                }
            }
            if let tree::Step::Key { range, .. } = &node.step {
                let text = put(good, range, "zz");
                // A misspelt name parses, and is not meant here.
                if let Some(parsing) = parsing(&text) {
                    assert_eq!(told(&text), parsing, "{} is zz", tree.path(id));
                }
            }
        }
    }
}

#[test]
fn what_a_fault_took_away_is_not_missed() {
    for (from, to) in [
        ("version: 1\n", "version: 1\nupstreams: { spare: { endpoints: [https://spare.internal] } }\n"),
        ("  bills: {", "  orders: {}\n  bills: {"),
        ("  bills: { endpoints: [https://bills.internal] }", "  bills: &x [https://bills.internal]"),
        ("  bills: { endpoints: [https://bills.internal] }", "  bills:"),
        ("- { name: a, hosts: [a.example], path: /a, upstream: orders }", "- a"),
        ("hosts: [a.example],", "hosts: [[], b.example],"),
        ("policies: {", "policies: { api: {},"),
        // Items after one that is gone have another's number.
        ("hosts: [a.example],", "hosts: [[], d.example, 'a b'],"),
        // Whatever the block named.
        (UPSTREAMS, "upstreams: 5\n"),
        (UPSTREAMS, "upstrems: 5\n"),
    ] {
        assert_eq!(SMALL.matches(from).count(), 1, "{from}");
        let text = SMALL.replacen(from, to, 1);
        assert_eq!(Some(told(&text)), parsing(&text), "{text}");
    }
}

#[test]
fn what_is_wrong_for_certain_is_told_with_what_does_not_parse() {
    for (from, to, expected) in [
        ("upstream: orders, identity", "upstream: oders, identity", "there is no upstream `oders`"),
        ("policy: own", "policy: on", "there is no policy `on`"),
        ("issuers: [corp]", "issuers: [korp]", "there is no issuer `korp`"),
        ("name: b,", "name: a,", "there are two routes `a`"),
        ("name: second", "name: public", "there are two listeners `public`"),
        ("b.example, c.example", "a.example, c.example", "a request could take `a`"),
        ("PUT, POST", "PUT, post", "methods are told apart by case"),
        ("{ X-User: sub } }\n", "{ Via: sub } }\n", "`Via` has its own meaning"),
    ] {
        assert_eq!(SMALL.matches(from).count(), 1, "{from}");
        let text = SMALL.replacen(from, to, 1).replacen("version: 1", "version: one\nlistners: [{ name: x }]", 1);
        let told = told(&text);
        assert_eq!(told.len(), 3, "{told:#?}");
        assert!(told[2].contains(expected), "{expected}: {told:#?}");
    }
}

//! Who a token is bound to, and who presents it.

use crate::world::{Want, World, at, table};
use curfew::decide::check::Check as _;
use curfew::decide::checks::binding::{Binding, Dpop, Mtls};
use curfew::decide::claims::Confirmation;
use curfew::decide::evidence::{Nonce, Proof, Scheme, Signed, Usage};
use curfew::decide::finding::{Limit, Origin, Quantity};
use curfew::decide::id::{CertificateThumbprint, Thumbprint};
use curfew::decide::reason::Reason;
use curfew::decide::time::Timestamp;
use std::time::Duration;

const KEY: Thumbprint = Thumbprint([7; 32]);

fn bound(confirmation: Confirmation, scheme: Scheme, proof: Proof) -> World {
    World { scheme, proof, ..World::claims(|claims| claims.confirmation = confirmation) }
}

fn signed(key: Thumbprint, offset: i64, usage: Usage) -> Proof {
    Proof::Signed(Signed { key, issued: at(offset), usage, nonce: Nonce::Absent })
}

/// C12, D6, D9: a token that is bound to its sender is no bearer token, and one that is not bound proves nothing.
#[test]
fn binding() {
    use Confirmation::{Unbound, Unknown};
    use Scheme::{Bearer, Dpop as Proven};
    let (plain, good) = (Binding::default(), signed(KEY, 0, Usage::First));
    let off = Binding { dpop: Dpop::Off, ..plain };
    let required = Binding { dpop: Dpop::Required, ..plain };
    let key = Confirmation::Dpop(KEY);
    let (downgrade, missing) = (Want::Fail(Reason::DpopDowngrade), Want::Fail(Reason::DpopBindingMissing));
    table(
        "binding",
        vec![
            ("unbound", plain, bound(Unbound, Bearer, Proof::Absent), Want::Pass),
            ("unbound, a proof beside it", plain, bound(Unbound, Bearer, good), Want::Pass),
            ("unbound, not spoken", off, bound(Unbound, Bearer, Proof::Absent), Want::Pass),
            ("unbound, where binding is required", required, bound(Unbound, Bearer, good), missing),
            ("D6 unbound as DPoP", plain, bound(Unbound, Proven, good), missing),
            ("D6 unbound as DPoP, required", required, bound(Unbound, Proven, good), missing),
            ("D6 bound as Bearer", plain, bound(key, Bearer, Proof::Absent), downgrade),
            ("D6 bound as Bearer, a proof beside it", plain, bound(key, Bearer, good), downgrade),
            ("D6 bound as Bearer, not spoken", off, bound(key, Bearer, Proof::Absent), downgrade),
            ("bound and proven", plain, bound(key, Proven, good), Want::Pass),
            ("bound and proven, required", required, bound(key, Proven, good), Want::Pass),
            ("unknown", plain, bound(Unknown, Bearer, good), Want::Fail(Reason::CnfUnsupported)),
            ("unknown as DPoP", plain, bound(Unknown, Proven, good), Want::Fail(Reason::CnfUnsupported)),
            ("no claims", plain, World { flaw: Some(FLAW), ..World::good() }, Want::Moot),
        ],
    );
}

/// D9: what is bound to a certificate comes over a connection with that certificate.
#[test]
fn certificates() {
    use Scheme::{Bearer, Dpop as Proven};
    const MINE: CertificateThumbprint = CertificateThumbprint([3; 32]);
    let theirs = CertificateThumbprint([4; 32]);
    let (plain, good) = (Binding::default(), signed(KEY, 0, Usage::First));
    let (off, required) = (Binding { mtls: Mtls::Off, ..plain }, Binding { mtls: Mtls::Required, ..plain });
    let (keyed, either) = (Binding { dpop: Dpop::Required, ..plain }, Confirmation::Certificate(MINE));
    let over = |confirmation, scheme, certificate| World { certificate, ..bound(confirmation, scheme, good) };
    let mine = |scheme, certificate| over(either, scheme, certificate);
    let key = Confirmation::Dpop(KEY);
    let (missing, mismatch) = (Want::Fail(Reason::MtlsCertMissing), Want::Fail(Reason::MtlsCertMismatch));
    let (unbound, unproven) = (Want::Fail(Reason::MtlsBindingMissing), Want::Fail(Reason::DpopBindingMissing));
    let unsupported = Want::Fail(Reason::CnfUnsupported);
    table(
        "certificates",
        vec![
            ("D9+ its own", plain, mine(Bearer, Some(MINE)), Want::Pass),
            ("D9+ its own, required", required, mine(Bearer, Some(MINE)), Want::Pass),
            ("D9 none", plain, mine(Bearer, None), missing),
            ("D9 none, required", required, mine(Bearer, None), missing),
            ("D9 another", plain, mine(Bearer, Some(theirs)), mismatch),
            ("D9 another, required", required, mine(Bearer, Some(theirs)), mismatch),
            ("its own, of no use here", off, mine(Bearer, Some(MINE)), unsupported),
            ("none, of no use here", off, mine(Bearer, None), unsupported),
            ("its own, as DPoP", plain, mine(Proven, Some(MINE)), unproven),
            ("none, as DPoP", plain, mine(Proven, None), missing),
            ("its own, where a key is required", keyed, mine(Bearer, Some(MINE)), unproven),
            ("unbound, some certificate", plain, over(Confirmation::Unbound, Bearer, Some(MINE)), Want::Pass),
            ("unbound, required", required, over(Confirmation::Unbound, Bearer, Some(MINE)), unbound),
            ("unbound as DPoP, required", required, over(Confirmation::Unbound, Proven, Some(MINE)), unbound),
            ("bound to a key, some certificate", plain, over(key, Proven, Some(MINE)), Want::Pass),
            ("bound to a key, required", required, over(key, Proven, Some(MINE)), unbound),
            ("bound to a key as Bearer", plain, over(key, Bearer, Some(MINE)), Want::Fail(Reason::DpopDowngrade)),
            ("unknown, its own", required, over(Confirmation::Unknown, Bearer, Some(MINE)), unsupported),
        ],
    );
}

const FLAW: curfew::decide::evidence::Flaw = curfew::decide::evidence::Flaw {
    stage: curfew::decide::evidence::Stage::Form,
    reason: Reason::TokenMalformed,
    detail: "a test",
};

/// D7: the proof, to the millisecond of its window: [now - 60 s, now + 5 s].
#[test]
fn proof() {
    let plain = Binding::default();
    let short = Binding { max_age: Limit::new(Duration::from_secs(1), Origin::Policy), ..plain };
    let with = |proof| bound(Confirmation::Dpop(KEY), Scheme::Dpop, proof);
    let made = |offset| with(signed(KEY, offset, Usage::First));
    let other = Thumbprint([8; 32]);
    let (invalid, mismatch) = (Want::Fail(Reason::DpopProofInvalid), Want::Fail(Reason::DpopKeyMismatch));
    table(
        "proof",
        vec![
            ("missing", plain, with(Proof::Absent), Want::Fail(Reason::DpopProofMissing)),
            ("flawed", plain, with(Proof::Flawed("a test")), invalid),
            ("of another key", plain, with(signed(other, 0, Usage::First)), mismatch),
            ("of another key, and stale", plain, with(signed(other, -90_000, Usage::First)), mismatch),
            ("60 s old", plain, made(-60_000), Want::Pass),
            ("60.001 s old", plain, made(-60_001), invalid),
            ("5 s ahead", plain, made(5_000), Want::Pass),
            ("5.001 s ahead", plain, made(5_001), invalid),
            ("of the year 1970", plain, made(-crate::world::NOW), invalid),
            ("1 s old, of 1 s", short, made(-1_000), Want::Pass),
            ("1.001 s old, of 1 s", short, made(-1_001), invalid),
            ("used before", plain, with(signed(KEY, 0, Usage::Again)), Want::Fail(Reason::DpopProofReplayed)),
            ("used before, and stale", plain, with(signed(KEY, -60_001, Usage::Again)), invalid),
            ("cannot be told", plain, with(signed(KEY, 0, Usage::Unknown)), Want::Fail(Reason::DpopUnavailable)),
        ],
    );
}

/// D7: the nonce, to the millisecond of its window, and when a new one is given.
#[test]
fn nonces() {
    let plain = Binding::default();
    let asking = Binding { nonce: Some(Limit::new(Duration::from_secs(300), Origin::BuiltIn)), ..plain };
    let with = |nonce, offset, usage| {
        let signed = Signed { key: KEY, issued: at(offset), usage, nonce };
        bound(Confirmation::Dpop(KEY), Scheme::Dpop, Proof::Signed(signed))
    };
    let good = |nonce| with(nonce, 0, Usage::First);
    let made = |offset| good(Nonce::Made(at(offset)));
    let required = Want::Fail(Reason::DpopNonceRequired);
    table(
        "nonces",
        vec![
            ("none, nobody asks", plain, good(Nonce::Absent), Want::Pass),
            ("foreign, nobody asks", plain, good(Nonce::Foreign), Want::Pass),
            ("none", asking, good(Nonce::Absent), required),
            ("foreign", asking, good(Nonce::Foreign), required),
            ("new", asking, made(0), Want::Pass),
            ("5 min old", asking, made(-300_000), Want::Pass),
            ("5 min and 1 ms old", asking, made(-300_001), required),
            ("5 s ahead", asking, made(5_000), Want::Pass),
            ("5.001 s ahead", asking, made(5_001), required),
            ("of the end of time", asking, good(Nonce::Made(Timestamp::from_millis(i64::MAX))), required),
            ("of the beginning of time", asking, good(Nonce::Made(Timestamp::from_millis(i64::MIN))), required),
            ("none, and an old proof", asking, with(Nonce::Absent, -60_001, Usage::First), required),
            (
                "new, and an old proof",
                asking,
                with(Nonce::Made(at(0)), -60_001, Usage::First),
                Want::Fail(Reason::DpopProofInvalid),
            ),
            (
                "new, and a used proof",
                asking,
                with(Nonce::Made(at(0)), 0, Usage::Again),
                Want::Fail(Reason::DpopProofReplayed),
            ),
            (
                "no proof",
                asking,
                bound(Confirmation::Dpop(KEY), Scheme::Dpop, Proof::Absent),
                Want::Fail(Reason::DpopProofMissing),
            ),
            ("a bearer token", asking, bound(Confirmation::Unbound, Scheme::Bearer, Proof::Absent), Want::Pass),
        ],
    );
    let refused = Some(Reason::DpopNonceRequired);
    for (name, binding, world, reason, renewed) in [
        ("nobody asks", plain, made(-299_000), None, false),
        ("young", asking, made(-150_000), None, false),
        ("past its half", asking, made(-150_001), None, true),
        ("past its half, refused", asking, made(-150_001), Some(Reason::InsufficientScope), true),
        ("old", asking, made(-300_001), refused, true),
        ("none", asking, good(Nonce::Absent), refused, true),
        ("foreign", asking, good(Nonce::Foreign), refused, true),
        ("none, refused for more", asking, good(Nonce::Absent), Some(Reason::TokenExpired), false),
    ] {
        assert_eq!(binding.renews(&world.evidence(), reason), renewed, "{name}");
    }
}

/// What is wrong with a proof stands in the finding.
#[test]
fn the_detail_is_told() {
    let world = bound(Confirmation::Dpop(KEY), Scheme::Dpop, Proof::Flawed("another method than 'htm'"));
    let finding = Binding::default().ask(&world.evidence());
    let compared = finding.compared().expect("an answer");
    assert_eq!((compared.subject, compared.measured), ("DPoP", Quantity::Word("another method than 'htm'")));
}

//! Sessions that were left alone, that lasted too long, or whose sign-in does not do; and what cures each.

use crate::support::answer::Answer;
use crate::world::{Session, ask, bad, good, pause, start};

fn challenge(answer: &Answer) -> String {
    answer.header("www-authenticate").unwrap_or_default().to_owned()
}

/// Used in time it goes on; left alone it ends, and stays ended: a refreshed token does not revive it, a lax route does
/// not, only a newer sign-in does, and only for its own tokens.
#[test]
fn left_alone() {
    let world = start();
    let session = Session::begun(60);
    let first = session.token();
    for _ in 0..3 {
        good(&world, "/idle/1", &first);
        pause(1_300);
    }
    good(&world, "/idle/1", &first);
    pause(2_400);
    let refused = bad(&world, "/idle/1", &first, "session_idle_timeout");
    let told = challenge(&refused);
    assert!(told.contains("error=\"insufficient_user_authentication\"") && told.contains("max_age=\"0\""), "{told}");
    let refreshed = session.token();
    bad(&world, "/idle/1", &refreshed, "session_idle_timeout");
    good(&world, "/lax/1", &refreshed);
    bad(&world, "/idle/1", &refreshed, "session_idle_timeout");
    let again = session.signed_in_again();
    good(&world, "/idle/1", &again.token());
    bad(&world, "/idle/1", &session.token(), "session_idle_timeout");
    good(&world, "/idle/1", &again.token());
    // Another session of the same user is nobody's business.
    good(&world, "/idle/1", &Session::begun(60).token());
    let metrics = world.gateway.admin("/metrics").1;
    assert!(metrics.contains("curfew_sessions_ended_total{reason=\"session_idle_timeout\"} 1"), "{metrics}");
    assert!(metrics.contains("curfew_sessions 2.0\n"), "{metrics}");
}

/// What is refused is no activity, and neither is what comes by itself. A route without limits is used all the same.
#[test]
fn what_is_an_activity() {
    let world = start();
    let (polled, used) = (Session::begun(60), Session::begun(60));
    let (poll, token) = (polled.token(), used.token());
    good(&world, "/idle/1", &poll);
    good(&world, "/idle/1", &token);
    for _ in 0..4 {
        pause(600);
        ask(&world, "/polled/1", &poll);
        ask(&world, "/scoped/1", &poll);
        good(&world, "/unlimited/1", &token);
    }
    bad(&world, "/polled/1", &polled.token(), "session_idle_timeout");
    bad(&world, "/idle/1", &polled.token(), "session_idle_timeout");
    good(&world, "/idle/1", &token);
}

/// A session of which nothing is known was used when its token was issued, and no later.
#[test]
fn never_seen() {
    let world = start();
    let session = Session::begun(60);
    let token = session.token();
    pause(2_300);
    bad(&world, "/idle/1", &token, "session_idle_timeout");
    // Nor does the next token prove otherwise.
    bad(&world, "/idle/1", &session.token(), "session_idle_timeout");
    good(&world, "/idle/1", &session.signed_in_again().token());
}

/// However busy, it ends so long after its user signed in; without `auth_time`, after its first token was issued.
#[test]
fn too_long() {
    let world = start();
    let (dated, undated) = (Session::begin(), Session::begin());
    let began = std::time::Instant::now();
    for _ in 0..4 {
        good(&world, "/whole/1", &dated.token());
        good(&world, "/whole/1", &undated.undated());
        pause(400);
    }
    pause(3_100_u64.saturating_sub(began.elapsed().as_millis() as u64));
    let told = challenge(&bad(&world, "/whole/1", &dated.token(), "session_absolute_timeout"));
    assert!(told.contains("max_age=\"3\""), "{told}");
    bad(&world, "/whole/1", &undated.undated(), "session_absolute_timeout");
    good(&world, "/whole/1", &dated.signed_in_again().token());
    good(&world, "/whole/1", &undated.signed_in_again().token());
    good(&world, "/whole/1", &undated.undated());
}

/// RFC 9470: who signed in too long ago, or too weakly, is told all that is wanted, so that one sign-in is enough.
#[test]
fn a_sign_in_that_does_not_do() {
    let world = start();
    let (fresh, stale) = (Session::begin(), Session::begun(10));
    good(&world, "/fresh/1", &fresh.token());
    good(&world, "/fresh/1", &fresh.token_of("silver"));
    for (token, reason) in [
        (stale.token(), "auth_too_old"),
        (fresh.undated(), "auth_time_missing"),
        (fresh.token_of("bronze"), "acr_insufficient"),
        (stale.token_of("bronze"), "auth_too_old"),
    ] {
        let told = challenge(&bad(&world, "/fresh/1", &token, reason));
        for part in ["insufficient_user_authentication", "max_age=\"5\"", "acr_values=\"gold silver\""] {
            assert!(told.contains(part), "{reason}: {told}");
        }
    }
}

//! What operators lift is void at every instance, until it is entered anew.

use super::*;

/// Lifted at any instance, void at all; what was held somewhere and is told again does not bring it back.
#[tokio::test]
async fn what_is_lifted_stays_lifted_until_it_is_entered_anew() {
    let (one, other, late) = (One::new(), One::new(), One::new());
    one.operators.accept(&[One::subject("alice"), One::subject("bob")]).await.unwrap();
    let entered = one.tells();
    assert_eq!(entered.len(), 2);
    other.hears(&entered).await;
    let held = other.holds();
    assert!(other.revokes("alice") && other.revokes("bob") && other.tells().is_empty());
    other.operators.lift(&[other.target("alice")]).await.unwrap();
    let lifted = other.tells();
    assert!(!other.revokes("alice") && other.revokes("bob") && lifted.len() == 1);
    one.hears(&lifted).await;
    assert!(!one.revokes("alice") && one.revokes("bob"));
    // In whatever order it comes, and however often.
    for notes in [&entered, &held, &lifted] {
        one.hears(notes).await;
        other.hears(notes).await;
    }
    late.hears(&lifted).await;
    late.hears(&held).await;
    for instance in [&one, &other, &late] {
        assert!(!instance.revokes("alice") && instance.revokes("bob"));
    }
    // Entered anew, later; and the old word is told once more.
    let anew: Vec<Note> =
        entered.iter().map(|note| Note { learned: Timestamp::from_secs(1500), ..note.clone() }).collect();
    for instance in [&one, &other, &late] {
        instance.hears(&anew).await;
        instance.hears(&lifted).await;
        assert!(instance.revokes("alice"));
    }
}

/// What it holds may be read once more while it is lifted: who has the turn of his feed does not wait for that.
#[tokio::test]
async fn who_lifts_does_not_wait_for_his_own_turn() {
    let directory = tempfile::tempdir().unwrap();
    let one = One::kept(Some(directory.path()));
    one.operators.accept(&[One::subject("alice")]).await.unwrap();
    let (sink, target, now) = (one.operators.clone(), one.target("alice"), Timestamp::from_secs(1001));
    let (done, lifted) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _turn = sink.account.as_ref().unwrap().turn();
        let telling = sink.telling.as_ref().unwrap();
        let void = telling.void(&sink.revocations, &sink.issuer, target, now);
        drop(telling.lifted(&sink.issuer, (target, void), now, sink.feed.id));
        done.send(()).unwrap();
    });
    lifted.recv_timeout(Duration::from_secs(10)).expect("it waits for itself");
    one.close();
}

/// Entered anew within the same second, by whatever clock, while it could not be heard that it was lifted, or before
/// a restart after which that is told again: it is revoked at every instance.
#[tokio::test]
async fn what_is_entered_after_it_was_lifted_is_revoked_everywhere() {
    let (one, other, late, alice) = (One::new(), One::new(), One::new(), [One::subject("alice")]);
    one.operators.accept(&alice).await.unwrap();
    let entered = one.tells();
    one.operators.lift(&[one.target("alice")]).await.unwrap();
    let lifted = one.tells();
    one.operators.accept(&alice).await.unwrap();
    other.hears(&[&entered[..], &lifted, &one.tells()].concat()).await;
    assert!(other.revokes("alice"), "told as news");
    for instance in [&one, &other] {
        late.hears(&instance.holds()).await;
    }
    assert!(late.revokes("alice"), "told again, by the second");
    // Lifted by a clock that is ahead, and entered anew by one that is behind.
    other.clock.set_wall(Timestamp::from_secs(1500));
    other.operators.lift(&[other.target("alice")]).await.unwrap();
    let lifted = other.tells();
    one.hears(&lifted).await;
    assert!(!one.revokes("alice") && !other.revokes("alice"));
    one.operators.accept(&alice).await.unwrap();
    other.hears(&one.tells()).await;
    assert!(other.revokes("alice"), "entered by a clock that is behind");
    // Lifted elsewhere, and entered anew here before that was heard; or told once more to a process that is new.
    let (away, new) = (One::new(), One::new());
    for instance in [&away, &new] {
        instance.clock.set_wall(Timestamp::from_secs(1600));
        instance.operators.accept(&alice).await.unwrap();
        instance.hears(&lifted).await;
        assert!(instance.revokes("alice"), "an older word lifts nothing newer");
    }
}

/// Entered again, strictly as before or less, by who has not heard yet that it was lifted in between: an older word
/// lifts nothing that was acknowledged after it, neither there nor where both are told.
#[tokio::test]
async fn what_is_entered_again_is_not_lifted_by_an_older_word() {
    let up_to = Understood { cutoff: Cutoff::UpTo(Timestamp::from_secs(900)), ..One::subject("alice") };
    let pairs = [[One::subject("alice"), One::subject("alice")], [up_to.clone(), up_to.clone()]];
    for [first, again] in pairs.into_iter().chain([[One::subject("alice"), up_to]]) {
        let (one, other, third) = (One::new(), One::new(), One::new());
        one.operators.accept(&[first]).await.unwrap();
        let entered = one.tells();
        other.hears(&entered).await;
        third.hears(&entered).await;
        other.clock.set_wall(Timestamp::from_secs(1100));
        other.operators.lift(&[other.target("alice")]).await.unwrap();
        let lifted = other.tells();
        one.clock.set_wall(Timestamp::from_secs(1200));
        one.operators.accept(&[again]).await.unwrap();
        let anew = one.tells();
        for instance in [&one, &other, &third] {
            instance.hears(&anew).await;
            instance.hears(&lifted).await;
            assert!(instance.revokes("alice"));
        }
    }
}

/// Entered again at an instance within the same second in which it was lifted at another one, by whatever clock, before
/// that was heard: it was acknowledged, and is revoked everywhere, also where both are only told again.
#[tokio::test]
async fn what_is_entered_again_before_a_lift_was_heard_stands() {
    let times = [
        (1_000_100, 1_000_500, 1_000_800),
        (1_000_100, 1_000_500, 1_000_500),
        (1_000_100, 1_030_000, 1_000_800),
        (1_030_000, 1_000_500, 1_000_800),
    ];
    for (entered_at, lifted_at, again_at) in times {
        let (one, other, late, alice) = (One::new(), One::new(), One::new(), [One::subject("alice")]);
        one.at(entered_at);
        one.operators.accept(&alice).await.unwrap();
        let entered = one.tells();
        other.hears(&entered).await;
        other.at(lifted_at);
        other.operators.lift(&[other.target("alice")]).await.unwrap();
        assert!(!other.revokes("alice"));
        one.at(again_at);
        one.operators.accept(&alice).await.unwrap();
        let (lifted, anew) = (other.tells(), one.tells());
        for instance in [&one, &other] {
            instance.hears(&lifted).await;
            instance.hears(&anew).await;
            instance.hears(&entered).await;
        }
        late.hears(&one.holds()).await;
        late.hears(&other.holds()).await;
        for instance in [&one, &other, &late] {
            assert!(instance.revokes("alice"), "lifted at {lifted_at}, entered again at {again_at}");
        }
        // Whoever has heard of it lifts it, whatever the clocks.
        late.operators.lift(&[late.target("alice")]).await.unwrap();
        let lifted = late.tells();
        for instance in [&one, &other] {
            instance.hears(&lifted).await;
            assert!(!instance.revokes("alice") && instance.holds().len() == 1);
        }
    }
}

/// An instance that was started again still knows what was lifted: it takes nothing back from one that was away, and
/// tells the lift again, though nobody else remembers it. Also after a snapshot, and until its term.
#[tokio::test]
async fn what_was_lifted_is_void_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (away, alice) = (One::new(), [One::subject("alice")]);
    away.operators.accept(&alice).await.unwrap();
    let entered = away.tells();
    let one = One::kept(Some(directory.path()));
    one.hears(&entered).await;
    one.at(1_001_000);
    assert_eq!(one.operators.lift(&[one.target("alice")]).await, Ok(vec![false]), "its own operators never entered it");
    assert!(!one.revokes("alice"));
    one.close();
    for _ in 0..2 {
        let one = One::kept(Some(directory.path()));
        one.hears(&entered).await;
        assert!(!one.revokes("alice"), "told late by who was away");
        let again = One::new();
        again.hears(&entered).await;
        again.hears(&one.holds()).await;
        assert!(!again.revokes("alice"), "the lift is not lost");
        // For the second round it is in a snapshot.
        let journal = one.hub.journal.clone().unwrap();
        one.hub.outbox.rebound(0);
        one.operators.account.as_ref().unwrap().turn().exchanged(7, Timestamp::from_secs(1000), None);
        tokio::task::spawn_blocking(move || {
            while journal.standing().snapshots == 0 {
                std::thread::sleep(Duration::from_millis(5));
            }
        })
        .await
        .unwrap();
        one.close();
    }
    let one = One::kept(Some(directory.path()));
    one.at(1_001_000 + 91 * 24 * 3600 * 1000);
    assert_eq!(one.holds(), [], "it is remembered for its term");
}

/// What a provider said elsewhere no operator lifts, and what is of another issuer is nobody's here.
#[tokio::test]
async fn a_providers_word_is_not_lifted() {
    let one = One::new();
    one.operators.accept(&[One::subject("alice")]).await.unwrap();
    let mut notes = one.tells();
    let Some(crate::idp::fleet::note::Told::Revoked(_, what)) = notes.first().map(|note| note.told) else { panic!() };
    notes[0] = Note::revoked(&notes[0].iss, Voice::Provider, what, notes[0].learned);
    let other = One::new();
    other.hears(&notes).await;
    other.operators.lift(&[other.target("alice")]).await.unwrap();
    assert!(other.revokes("alice"));
    let foreign = Note { iss: "https://j".into(), ..notes[0].clone() };
    let taken = other.hub.stands.take(&[foreign], Timestamp::from_secs(2000));
    assert_eq!((taken.foreign, taken.enforced), (1, 0));
}

//! Is what was lost cut off, though that could not be kept at first?

use super::settings::SsfSettings;
use super::source::Ssf;
use super::stream::Status;
use crate::decide::id::{IssuerName, SourceName};
use crate::decide::revocation::Handles;
use crate::idp::sink::{Sink, tests::sink};
use crate::state::journal::{Journal, Voice};
use std::sync::Arc;

fn is_cut(sink: &Sink) -> bool {
    sink.revocations.look_up(&IssuerName::from("i"), &Handles::default()).issuer.is_some()
}

#[tokio::test]
async fn a_cut_off_after_a_gap_is_tried_until_it_is_kept() {
    let text = r#"{"issuer":"i","audiences":["a"],"delivery":{"push":{}},"on_gap":"cut"}"#;
    let ssf = Ssf::new(&serde_json::from_str::<SsfSettings>(text).unwrap()).unwrap();
    let mut sink = sink();
    assert!(ssf.became(&sink, Status::Enabled).await && !is_cut(&sink), "nothing was lost");
    let voice = Voice { source: SourceName::from("ssf"), iss: "https://i".into() };
    sink.account = Some(Journal::refuse(voice, Arc::clone(&sink.feed)));
    assert!(ssf.became(&sink, Status::Disabled).await);
    for _ in 0..2 {
        assert!(!ssf.became(&sink, Status::Enabled).await);
    }
    sink.revocations.lift(&sink.feed, crate::state::revocations::Target::Issuer);
    sink.account = None;
    assert!(ssf.became(&sink, Status::Enabled).await && is_cut(&sink));
    sink.revocations.lift(&sink.feed, crate::state::revocations::Target::Issuer);
    assert!(ssf.became(&sink, Status::Enabled).await && !is_cut(&sink), "once");
}

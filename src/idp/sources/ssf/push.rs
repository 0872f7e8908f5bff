//! Events that are pushed (RFC 8935): each is answered 202 when it is enforced and kept.

use super::source::Ssf;
use super::take::Refusal;
use crate::idp::events::Outcome;
use crate::idp::receive::{Answer, Received, Receiver, Receiving};
use crate::idp::sink::Sink;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::StatusCode;
use http::header::{AUTHORIZATION, CONTENT_LANGUAGE, HeaderValue};

impl Receiver for Ssf {
    fn receive<'a>(&'a self, sink: &'a Sink, event: &'a Received) -> Receiving<'a> {
        Box::pin(async move {
            match self.pushed(sink, event).await {
                // A repetition is answered as the first was (RFC 8935 §2.2).
                Ok(outcome) => Answer::empty(StatusCode::ACCEPTED, outcome),
                Err(Refusal::Later) => Answer::unkept(),
                Err(Refusal::Bad(error, what)) => refused(error, &what),
            }
        })
    }
}

impl Ssf {
    async fn pushed(&self, sink: &Sink, event: &Received) -> Result<Outcome, Refusal> {
        if !self.is_authorized(event) {
            return Err(Refusal::Bad("authentication_failed", "not the `Authorization` that was agreed on".into()));
        }
        if !event.is("application/secevent+jwt") {
            return Err(Refusal::invalid("not `application/secevent+jwt`"));
        }
        let token = event.text().ok_or(Refusal::invalid("not a text"))?;
        self.take(sink, token, None).await
    }

    /// Is it the value that was agreed on? Compared in a time that does not tell where they differ.
    fn is_authorized(&self, event: &Received) -> bool {
        let Some(agreed) = &self.authorization else { return true };
        let mut fields = event.headers.get_all(AUTHORIZATION).iter();
        let (Some(field), None) = (fields.next(), fields.next()) else { return false };
        verify_slices_are_equal(field.as_bytes(), agreed.as_bytes()).is_ok()
    }
}

/// The answer of RFC 8935 §2.3.
fn refused(error: &str, description: &str) -> Answer {
    let body = serde_json::json!({"err": error, "description": description});
    let mut answer = Answer::json(StatusCode::BAD_REQUEST, Outcome::Refused, &body);
    answer.response.headers_mut().insert(CONTENT_LANGUAGE, HeaderValue::from_static("en"));
    answer
}

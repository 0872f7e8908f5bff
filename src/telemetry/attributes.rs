//! Attributes of a span under construction.

use std::borrow::Cow;

use opentelemetry::{KeyValue, StringValue, Value};

use super::records::escape::inert;
use super::secrets::Secrets;

/// Attributes, in the order they were added.
#[derive(Debug)]
pub(super) struct Attributes(Vec<KeyValue>);

impl Attributes {
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// A word of our own, or a number.
    pub fn put(&mut self, key: &'static str, value: impl Into<Value>) {
        self.0.push(KeyValue::new(key, value));
    }

    /// The same, if there is one.
    pub fn maybe(&mut self, key: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    /// Text that is not our own: bounded, and gone if there is a token in it.
    pub fn text(&mut self, key: &'static str, text: &str) {
        self.put(key, StringValue::from(told(text).into_owned()));
    }

    /// The same, if there is one.
    pub fn maybe_text(&mut self, key: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    pub fn done(self) -> Vec<KeyValue> {
        self.0
    }
}

/// Text that is not our own, as far as it may be told; whoever shows it in a terminal has nothing that does anything there.
pub(super) fn told(text: &str) -> Cow<'_, str> {
    match super::scrub::text(super::record::bounded(text)) {
        Cow::Borrowed(text) => inert(text),
        Cow::Owned(text) => Cow::Owned(inert(&text).into_owned()),
    }
}

/// The same of a path.
pub(super) fn path_told<'a>(secrets: &Secrets, path: &'a str) -> Cow<'a, str> {
    super::scrub::path(secrets, super::record::bounded(path))
}

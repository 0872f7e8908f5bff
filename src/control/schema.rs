//! What is read as a JSON Schema, for editors, pipelines and publishers. It is made of the types and their comments.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use super::settings::Config;
use crate::idp::feed::{FeedDocument, FeedEntry};
use crate::idp::feed_stream::{FeedEnd, FeedHead, FeedSigned};

/// What a `poll` source is answered: one document, or lines.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
enum Feed {
    /// `application/json`: the whole answer.
    Document(FeedDocument),
    /// `application/x-ndjson`: one line of it.
    Line(FeedLine),
}

/// A line of a feed: the first, one between, or the last.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
enum FeedLine {
    /// The first line of a signed feed.
    Signed(FeedSigned),
    /// The last line.
    End(FeedEnd),
    /// A line between: one entry.
    Entry(FeedEntry),
    /// The first line.
    Head(FeedHead),
}

/// The schema of the config (JSON Schema 2020-12), as text with a newline at its end.
#[must_use]
pub fn schema() -> String {
    text(SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Config>(), "curfew.schema.json")
}

/// The schema of a feed (JSON Schema 2020-12), as text with a newline at its end.
#[must_use]
pub fn feed() -> String {
    text(SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Feed>(), "feed.schema.json")
}

fn text(mut schema: Schema, name: &str) -> String {
    schema.insert("$id".to_owned(), format!("https://curfew.example/{name}").into());
    let mut text = serde_json::to_string_pretty(schema.as_value()).unwrap_or_default();
    text.push('\n');
    text
}

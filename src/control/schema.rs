//! The settings as a JSON Schema, for editors and pipelines. It is made of the types and their comments.

use schemars::generate::SchemaSettings;

use super::settings::Config;

/// The schema (JSON Schema 2020-12), as text with a newline at its end.
#[must_use]
pub fn schema() -> String {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Config>();
    schema.insert("$id".to_owned(), "https://curfew.example/curfew.schema.json".into());
    let mut text = serde_json::to_string_pretty(schema.as_value()).unwrap_or_default();
    text.push('\n');
    text
}

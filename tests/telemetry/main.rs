//! Is what was decided told, to everybody and to nobody more? Real collectors, real metrics text.

mod collector;
mod collectors;
mod cost;
mod knobs;
mod metrics;
mod renewals;
mod tenants;
mod traces;
mod words;
mod world;

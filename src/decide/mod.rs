//! Judgement: evidence and policy in, verdict and findings out. Also the words that every room uses.
//!
//! Pure. There is no clock here, no lock, no I/O and nothing async: time is a value passed in.

mod advice;
pub mod check;
pub mod checks;
pub mod claims;
pub mod doubt;
pub mod evidence;
pub mod finding;
pub mod id;
pub mod introspection;
pub mod limits;
pub mod outlook;
pub mod policy;
pub mod reason;
pub mod revocation;
pub mod rules;
pub mod session;
pub mod session_terms;
pub mod status;
pub mod time;
pub mod verdict;
pub mod when;

//! The admin listener: is it alive, is it ready and if not why, metrics, the config in force, and what operators do
//! about revocations.
//!
//! | file | holds |
//! |---|---|
//! | `listener` | connections, each served within its bounds |
//! | `places`, `patient` | who gives way where there are too many, and who takes too long to read |
//! | `routes` | the table of endpoints, and who answers each |
//! | `guard` | who may ask |
//! | `origin` | by which name, and from which page |
//! | `page` | the page for operators |
//! | `body`, `entry`, `misread` | what was sent: its bytes, the entries in it, and what is none |
//! | `operations`, `preview`, `query` | what operators do: enter, take back, look ahead, ask |
//! | `asked`, `records` | which decision records are meant, and what is told of them |
//! | `standing` | keys with their age, routes with what holds on them |
//! | `explain` | what would be decided about a request |
//! | `confirm` | what a feed says that was held back |
//! | `dropping` | what a source was told that is no more |
//! | `fleet` | how far what was entered has come |
//! | `audit` | who did what, and why |
//! | `problem` | the answers, and why not |

mod asked;
mod audit;
mod body;
mod confirm;
mod connections;
mod dropping;
mod entry;
mod explain;
mod fleet;
mod guard;
mod listener;
mod misread;
mod operations;
mod origin;
mod page;
mod patient;
mod places;
mod preview;
mod problem;
mod query;
mod records;
mod routes;
mod standing;

pub use audit::{Audit, AuditIds, AuditLog};
pub use entry::When;
pub use explain::Question;
pub use guard::{Guard, TokenError};
pub use listener::{Wiring, serve};
pub use operations::Operations;
pub use origin::Names;
pub use records::Told;
pub use routes::{ENDPOINTS, Endpoint, OPENAPI, Showing};

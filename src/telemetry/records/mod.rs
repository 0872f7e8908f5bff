//! Decision records: why a request was refused, kept so that it can be asked afterwards. The line hands over what it
//! knows; a thread of its own makes it into text, writes it, and forgets what is old. In a full queue a record finds no
//! place, and is counted.
//!
//! | file | holds |
//! |---|---|
//! | `settings` | where records are kept, how many, and for how long |
//! | `decision`, `parts` | a record, as it is kept and told |
//! | `escape` | what clients wrote, made harmless |
//! | `line`, `names` | what is remembered of each record, to find it |
//! | `filter`, `groups`, `buckets` | which records are asked for, what they have in common, and when they were |
//! | `index`, `segment` | where each record is |
//! | `directory` | the files |
//! | `writer` | the thread |
//! | `room` | the whole: opened, told, asked, closed |
//! | `offline` | a directory, read without its gateway |

mod buckets;
mod decision;
mod directory;
pub mod escape;
mod filter;
mod groups;
mod index;
mod line;
mod names;
pub mod offline;
mod parts;
mod room;
mod segment;
mod settings;
mod writer;

pub use buckets::{Buckets, Counted};
pub use decision::DecisionRecord;
pub use filter::Filter;
pub use groups::{Group, Groups};
pub use parts::{Asking, Bearer, Delivered, Entered};
pub use room::{Records, Standing};
pub use settings::Settings;

//! Decision records: why a request was refused, kept so that it can be asked afterwards. The line hands over what it
//! knows; a thread of its own writes it, without a word made of it, and forgets what is old. Words are made of it when it is asked for. In a full queue a record finds no
//! place, and is counted.
//!
//! | file | holds |
//! |---|---|
//! | `settings` | where records are kept, how many, and for how long |
//! | `decision`, `parts`, `beside` | a record, as it is told |
//! | `kept`, `later`, `judged`, `wire`, `frame` | a record, as it is kept |
//! | `known` | what was known of a session, in words |
//! | `escape` | what clients wrote, made harmless |
//! | `line`, `names` | what is remembered of each record, to find it |
//! | `filter`, `groups`, `buckets` | which records are asked for, what they have in common, and when they were |
//! | `index`, `segment` | where each record is |
//! | `directory` | the files |
//! | `writer` | the thread |
//! | `room` | the whole: opened, told, asked, closed |
//! | `offline` | a directory, read without its gateway |

mod beside;
mod buckets;
mod decision;
mod directory;
pub mod escape;
mod filter;
mod frame;
mod groups;
mod index;
mod judged;
mod kept;
mod known;
mod later;
mod line;
mod names;
pub mod offline;
mod parts;
mod room;
mod segment;
mod settings;
mod wire;
mod writer;

pub use beside::{Attended, Shadowed};
pub use buckets::{Buckets, Counted};
pub use decision::DecisionRecord;
pub use filter::Filter;
pub use groups::{Group, Groups, Top};
pub use parts::{Asking, Bearer, Delivered, Entered};
pub use room::{Records, Standing};
pub use settings::Settings;

//! What status lists say (Token Status List). How a list is fetched and verified is not told here: `idp`'s source
//! writes it, onto a [`Shelf`] of its own.
//!
//! | file | holds |
//! |---|---|
//! | `list` | one list: values of 1, 2, 4 or 8 bits |
//! | `shelf` | the lists of one source, and those that requests miss |
//! | `lists` | the whole: look-up, opening and closing of shelves |
//! | `standing` | what metrics tell of them |

mod list;
mod lists;
mod shelf;
mod standing;

pub use list::StatusList;
pub use lists::StatusLists;
pub use shelf::{KeptList, Places, Shelf};
pub use standing::ListStanding;

//! The words that settings of every room are written in: spans of time, sizes, secrets.
//! Nothing here knows a route or a token.

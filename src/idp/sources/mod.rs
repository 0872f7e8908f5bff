//! The kinds of revocation sources. To add one: a file with its settings (`SourceKind`) and its task (`Source`),
//! and a line here.

use super::source::sources;

pub mod backchannel_logout;
pub mod file;
pub mod global_token_revocation;
pub mod keycloak_not_before;
pub mod poll;
mod polling;
pub mod ssf;
pub mod status_list;
mod status_lists;

sources! {
    /// JSON over HTTPS, asked for at an interval.
    "poll" Poll: poll::PollSettings,
    /// Signed status lists, which tokens name (Token Status List).
    "status_list" StatusList: status_list::StatusListSettings,
    /// A file on disk, watched.
    "file" File: file::FileSettings,
    /// Logout tokens, sent by the provider (OpenID Connect Back-Channel Logout 1.0).
    "backchannel_logout" BackchannelLogout: backchannel_logout::BackchannelLogoutSettings,
    /// "Not before" and logouts, pushed by Keycloak to a client's admin URL.
    "keycloak_not_before" KeycloakNotBefore: keycloak_not_before::KeycloakNotBeforeSettings,
    /// Commands to end everything of a user (Global Token Revocation).
    "global_token_revocation" GlobalTokenRevocation: global_token_revocation::GlobalTokenRevocationSettings,
    /// Security events of a Shared Signals transmitter (SSF, CAEP, RISC), pushed or asked for.
    "ssf" Ssf: ssf::SsfSettings,
}

//! The rows of accounts, sessions and API keys.

pub(super) mod accounts;
pub(super) mod keys;
pub(super) mod sessions;

//! The rows of accounts, sessions and API keys, of forgotten passwords and security mail.

pub(super) mod accounts;
pub(super) mod keys;
pub(super) mod notices;
pub(super) mod resets;
pub(super) mod sessions;

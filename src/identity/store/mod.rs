//! The rows of accounts and of everything by which people prove that it is them.

pub(super) mod accounts;
pub(super) mod browsers;
pub(super) mod ceremonies;
pub(super) mod factors;
pub(super) mod interrupted;
pub(super) mod keys;
pub(super) mod notices;
pub(super) mod passkeys;
pub(super) mod profile;
pub(super) mod resets;
pub(super) mod sessions;

//! The portal as passkeys know it: bound to the host of its public address, so that one made here works nowhere else and no other
//! site can ask for it. Never taken from a request.

use url::Url;
use webauthn_rs::{Webauthn, WebauthnBuilder};

use crate::{
    config::Config,
    error::{Error, Result},
};

/// Whether this portal can have passkeys: browsers bind them to a name, not to an IP address.
pub fn has_passkeys(config: &Config) -> bool {
    config.public_url.domain().is_some()
}

/// What makes and judges challenges. User verification is always asked (a finger, a face, a PIN), which makes a passkey two
/// factors in one.
///
/// # Errors
/// [`Error::NotFound`] where the portal cannot have passkeys.
pub fn relying_party(config: &Config) -> Result<Webauthn> {
    let host = config.public_url.domain().ok_or(Error::NotFound)?;
    let origin = Url::parse(&config.public_origin()).map_err(|error| Error::Internal(error.into()))?;
    let builder = WebauthnBuilder::new(host, &origin).map_err(|error| Error::Internal(error.into()))?;
    builder.rp_name("Care Portal").build().map_err(|error| Error::Internal(error.into()))
}

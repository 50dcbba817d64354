//! The links of invitations: derived, never stored. A higher generation of the invitation kills every earlier one.

use super::Invitation;
use crate::{
    keys::{
        Keys,
        link::{LinkCode, LinkKind},
    },
    portal::Portal,
    types::InvitationId,
};

const LINK: LinkKind = LinkKind { prefix: "cpi1_", purpose: "invitation" };
/// No invitation is replaced more often than this; bounds the search for an old generation.
const MOST_GENERATIONS: i64 = 1000;

/// A link's code as somebody brought it: not yet believed.
#[derive(Clone)]
pub struct Code {
    /// The invitation that it speaks of.
    pub id: InvitationId,
    code: LinkCode,
}

impl Code {
    /// Reads the text of a link. `None` for anything that was never a link of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let code = LINK.parse(text)?;
        Some(Self { id: InvitationId::from_uuid(code.id), code })
    }

    /// The generation that this code was made for, of those up to the invitation's current one.
    pub(super) fn generation(&self, keys: &Keys, invitation: &Invitation) -> Option<i64> {
        let newest = invitation.generation;
        let oldest = (newest - MOST_GENERATIONS).max(1);
        (oldest..=newest).rev().find(|generation| LINK.fits(keys, &self.code, *generation))
    }
}

/// The page on which a code can be typed, made from the configured public address, never from a request.
pub fn join_url(portal: &Portal) -> String {
    portal.config.url("/join")
}

/// The current link and, for those without script, its bare code.
pub fn link_of(portal: &Portal, id: InvitationId, generation: i64) -> (String, String) {
    let code = LINK.write(&portal.keys, id.uuid(), generation);
    (format!("{}#{code}", join_url(portal)), code)
}

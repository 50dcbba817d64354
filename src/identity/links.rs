//! The links of this room: the one that chooses a new password, and the one that says "this was not me". Both are derived.

use crate::{
    keys::link::LinkKind,
    portal::Portal,
    types::{NoticeId, PasswordResetId},
};

/// Chooses a new password.
pub const RESET: LinkKind = LinkKind { prefix: "cpr1_", purpose: "password reset" };
/// Says that what a security mail tells of was somebody else.
pub const NOTICE: LinkKind = LinkKind { prefix: "cpn1_", purpose: "security notice" };

/// Neither has more than one generation: another link is another row.
pub(super) const GENERATION: i64 = 1;

/// The page on which a reset's code can be typed, and the code; the link is both with `#` between them.
pub fn reset_link(portal: &Portal, id: PasswordResetId) -> (String, String) {
    (portal.config.url("/reset"), RESET.write(&portal.keys, id.uuid(), GENERATION))
}

/// The same for a security mail.
pub fn notice_link(portal: &Portal, id: NoticeId) -> (String, String) {
    (portal.config.url("/not-me"), NOTICE.write(&portal.keys, id.uuid(), GENERATION))
}

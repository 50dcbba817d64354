//! Printable slips, one a person, for people without mail.

use askama::Template;
use qrcode::{QrCode, render::svg};

use crate::{
    error::Result,
    invitations::{actions, join_url},
    op::Caller,
    portal::Portal,
    sites::Place,
    types::InvitationId,
    web::{Frame, PageResult, frame::exact, page},
};

/// One slip.
pub struct SlipWords {
    email: String,
    name: Option<String>,
    role: String,
    place: String,
    expires: String,
    code: String,
    picture: String,
    spoken: bool,
}

#[derive(Template)]
#[template(path = "slips.html")]
struct SlipsPage {
    frame: Frame,
    slips: Vec<SlipWords>,
    refused: Vec<(String, String)>,
    address: String,
    back: String,
}

/// Shows the slips of these invitations. It comes as the answer to a press of a button, because it hands links over.
pub(super) async fn show(portal: &Portal, caller: &Caller, place: &Place, ids: &[InvitationId]) -> PageResult {
    let (slips, refused) = actions::print_slips(portal, caller, place.scope, ids).await?;
    let zone = place.time_zone();
    let words = |slip: actions::Slip| {
        Ok(SlipWords {
            email: slip.invitation.email.to_string(),
            name: slip.invitation.name.clone(),
            expires: exact(slip.invitation.expires_at, &zone),
            spoken: slip.invitation.second_look != crate::invitations::SecondLook::NotNeeded,
            picture: picture(&slip.link)?,
            role: slip.role,
            place: slip.place,
            code: slip.code,
        })
    };
    page(&SlipsPage {
        frame: Frame::plain(&portal.config, "Slips to hand over"),
        slips: slips.into_iter().map(words).collect::<Result<_>>()?,
        refused,
        address: join_url(portal),
        back: format!("{}/invitations", place.scope.path()),
    })
}

fn picture(link: &str) -> Result<String> {
    let code = QrCode::new(link).map_err(|error| anyhow::anyhow!("a QR code: {error}"))?;
    let drawn = code.render::<svg::Color<'_>>().min_dimensions(180, 180).quiet_zone(true).build();
    Ok(drawn.find("<svg").and_then(|at| drawn.get(at..)).unwrap_or_default().to_owned())
}

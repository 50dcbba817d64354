//! **Call patient**: the press is recorded, and then leads to the telephone or the video room.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use axum_extra::extract::CookieJar;

use super::{OfPatient, for_contact};
use crate::{
    contact::actions::{self, Call},
    identity::door::SignedIn,
    patients::pages::rail::{self, Rail},
    portal::Portal,
    web::{Frame, PageResult, page},
};

#[derive(Template)]
#[template(path = "contact/call.html")]
struct CallPage {
    frame: Frame,
    rail: Rail,
    call: Call,
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(of): Path<OfPatient>,
    jar: CookieJar,
) -> PageResult {
    let (patient, _) = for_contact(&portal, &caller, (&of.0, &of.1)).await?;
    let call = actions::call_patient(&portal, &caller, patient).await?;
    let (jar, open) =
        rail::open(&portal, &caller, (&of.0, &of.1), (rail::Page::Telemedicine, "call link"), jar).await?;
    Ok((jar, page(&CallPage { frame: open.frame, rail: open.rail, call })?).into_response())
}

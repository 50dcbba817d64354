//! What became of a batch: how many ended how, each invitation with its outcome, and who was not invited and why.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::IntoResponse,
};
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use crate::{
    access,
    error::Error,
    identity::door::SignedIn,
    invitations::{BatchRow, Became, actions, windows},
    outbox::life,
    portal::Portal,
    sites,
    types::{BatchId, Cursor, PlanId, Timestamp},
    web::{Choice, Frame, Link, PageResult, Pager, When, csv, lists::ListAddress, page},
};

/// A row that was not sent.
pub struct OutcomeRow {
    text: String,
    reason: String,
    resend: Option<String>,
}

/// An invitation with what became of it.
pub struct BecameRow {
    email: String,
    role: String,
    place: String,
    became: &'static str,
    word: &'static str,
    detail: String,
    /// Where its mail stands, with the server's own words on hover.
    mail: String,
    mail_answer: String,
}

#[derive(Template)]
#[template(path = "batch.html")]
struct BatchPage {
    frame: Frame,
    heading: String,
    summary: String,
    sent: u64,
    rows: Vec<BecameRow>,
    filters: Vec<Link>,
    pager: Pager,
    not_sent: Vec<OutcomeRow>,
    role: String,
    expires: When,
    access_from: Option<When>,
    access_until: Option<When>,
    /// Invitations that nobody has answered.
    open: u64,
    roles: Vec<Choice>,
    windows: Vec<Choice>,
    plan_url: Option<String>,
    path: String,
    pending_url: String,
    again_url: String,
}

/// A page shows this many invitations.
const PAGE: usize = 200;
/// How many rows an export reads at once.
const EXPORT_PAGE: usize = 2_000;

#[derive(Deserialize, Default)]
pub(super) struct BatchQuery {
    #[serde(default)]
    show: String,
    #[serde(default)]
    from: String,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, id)): Path<(String, String)>,
    Query(asked): Query<BatchQuery>,
    jar: CookieJar,
) -> PageResult {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    let id: BatchId = id.parse().map_err(|_| Error::NotFound)?;
    let batch = actions::show_batch(&portal, &caller, place.scope, id).await?;
    let counts = actions::count_batch(&portal, &caller, place.scope, id).await?;
    let became = Became::from_key(&asked.show);
    let from = Cursor::decode(&asked.from);
    let found = actions::list_batch(&portal, &caller, place.scope, id, became, from.as_ref(), PAGE).await?;
    let names = access::role_names(portal.db.reader(), place.scope.organisation).await?;
    let places = sites::actions::deployment_names(portal.db.reader(), place.scope.organisation).await?;
    let named = |role: String| names.get(&role).cloned().unwrap_or(role);
    let role = batch.role.map_or_else(|| "Several".to_owned(), |role| named(role.to_string()));
    let sent: u64 = counts.iter().map(|(_, n)| n).sum();
    let not_sent = batch.answer.not_sent.len();
    let heading = match sent {
        0 => "No invites sent".to_owned(),
        1 => "1 invite sent".to_owned(),
        n => format!("{n} invites sent"),
    };
    let summary = match (sent, not_sent) {
        (0, 0) => "Nobody was invited.".to_owned(),
        (0, _) => "Nobody on the list could be invited; the reasons are below.".to_owned(),
        (_, 0) => "Each of them gets a mail with a link of their own.".to_owned(),
        (_, n) => format!(
            "Each of them gets a mail with a link of their own. {n} on the list were not invited; the reasons are below."
        ),
    };
    let path = format!("{}/invitations/batches/{id}", place.scope.path());
    let address = ListAddress::new(path.clone()).with("show", became.map_or("", Became::key));
    let of = |became: Became| counts.iter().find(|(known, _)| *known == became).map_or(0, |(_, n)| *n);
    let all = address.link(format!("All {sent}"), "show", "", became.is_none());
    let each = Became::ALL
        .iter()
        .filter(|(known, ..)| of(*known) > 0 || became == Some(*known))
        .map(|(known, key, word)| address.link(format!("{word} {}", of(*known)), "show", key, became == Some(*known)));
    let pager = address.pager(&found);
    // A plan's invitations may end at different moments; those of one press all end alike.
    let first = found.rows.first().map(|row| &row.invitation).filter(|_| batch.role.is_some());
    let access_from = first.and_then(|invitation| invitation.access_from);
    let access_until = first.and_then(|invitation| invitation.access_until);
    let choice = |value: String, label: String| Choice { value, label, selected: false };
    let roles = actions::grantable_roles(&portal, &caller, place.scope).await?;
    let when = |at: Timestamp| When::new(at, portal.now(), &place.time_zone());
    let plan = PlanId::from_uuid(id.uuid());
    let shown = BatchPage {
        heading: heading.clone(),
        summary,
        sent,
        filters: if sent > 0 { std::iter::once(all).chain(each).collect() } else { Vec::new() },
        pager,
        open: counts.iter().filter(|(known, _)| known.is_open()).map(|(_, n)| n).sum(),
        rows: found
            .rows
            .into_iter()
            .map(|row| BecameRow {
                role: named(row.invitation.role.to_string()),
                place: sites::level(&places, row.invitation.scope.deployment),
                became: row.became.key(),
                word: row.became.word(),
                detail: detail(&row),
                mail: mail(&row),
                mail_answer: row.mail_answer.clone(),
                email: row.invitation.email.to_string(),
            })
            .collect(),
        not_sent: batch
            .answer
            .not_sent
            .into_iter()
            .map(|row| OutcomeRow {
                text: row.text,
                reason: row.reason,
                resend: row.invitation.map(|id| id.to_string()),
            })
            .collect(),
        role,
        access_from: access_from.map(when),
        access_until: access_until.map(when),
        expires: when(batch.expires_at),
        roles: roles.into_iter().map(|role| choice(role.key.to_string(), role.name)).collect(),
        windows: windows::choices(&place.organisation, portal.now())
            .into_iter()
            .map(|(key, label)| choice(key.to_owned(), label))
            .collect(),
        plan_url: batch.of_plan.then(|| format!("{}/plans/{plan}", place.scope.path())),
        pending_url: format!("{}/invitations", place.scope.path()),
        again_url: format!("{}/invitations/new", place.scope.path()),
        frame: Frame::default(),
        path,
    };
    let (jar, frame) = sites::pages::frame_with_flash(&portal, caller.actor()?, &place, &heading, jar).await?;
    Ok((jar, page(&BatchPage { frame, ..shown })?).into_response())
}

/// What is known beside the outcome.
fn detail(row: &BatchRow) -> String {
    match row.became {
        Became::Joined => row.joined_as.clone().unwrap_or_default(),
        Became::Held => row.held_reason.clone(),
        _ => String::new(),
    }
}

/// Where the mail stands, as long as that matters.
fn mail(row: &BatchRow) -> String {
    if row.became.is_open() { life::in_words(&row.mail_state, &row.mail_answer) } else { String::new() }
}

const HEADS: [&str; 11] = [
    "e-mail",
    "name",
    "role",
    "where",
    "outcome",
    "detail",
    "mail",
    "mail server's words",
    "sent",
    "link ends",
    "link opened",
];

/// Everything that became of a batch, for a spreadsheet; with `show=open` those alone who have not answered.
pub(super) async fn result_csv(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, id)): Path<(String, String)>,
    Query(asked): Query<BatchQuery>,
) -> PageResult {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    let id: BatchId = id.parse().map_err(|_| Error::NotFound)?;
    let batch = actions::show_batch(&portal, &caller, place.scope, id).await?;
    let names = access::role_names(portal.db.reader(), place.scope.organisation).await?;
    let places = sites::actions::deployment_names(portal.db.reader(), place.scope.organisation).await?;
    let time = |at: Option<Timestamp>| at.map(Timestamp::to_rfc3339).unwrap_or_default();
    let only_open = asked.show == "open";
    let mut lines = vec![csv::line(HEADS)];
    let mut from = None;
    loop {
        let found = actions::list_batch(&portal, &caller, place.scope, id, None, from.as_ref(), EXPORT_PAGE).await?;
        for row in found.rows.iter().filter(|row| !only_open || row.became.is_open()) {
            let invitation = &row.invitation;
            let role = invitation.role.to_string();
            lines.push(csv::line([
                invitation.email.to_string(),
                invitation.name.clone().unwrap_or_default(),
                names.get(&role).cloned().unwrap_or(role),
                sites::level(&places, invitation.scope.deployment),
                row.became.word().to_owned(),
                detail(row),
                mail(row),
                row.mail_answer.clone(),
                invitation.sent_at.to_rfc3339(),
                invitation.expires_at.to_rfc3339(),
                time(invitation.opened_at),
            ]));
        }
        from = found.next;
        if from.is_none() {
            break;
        }
    }
    for row in batch.answer.not_sent.iter().filter(|_| !only_open) {
        let reason = row.reason.as_str();
        lines.push(csv::line([row.text.as_str(), "", "", "", "Not invited", reason, "", "", "", "", ""]));
    }
    let name = if only_open { format!("{id}-not-answered.csv") } else { format!("{id}.csv") };
    Ok(csv::file(&name, lines))
}

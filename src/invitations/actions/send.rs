//! Sending a batch: one transaction, one answer, row by row.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use serde_json::json;

use super::{check::judge, limits, second_look};
use crate::{
    access::{self, Permission, Role, RoleKey, Scope, policy},
    audit::Event,
    error::{Error, Result},
    invitations::{
        Batch, BatchAnswer, Checked, Invitation, NewBatch, NotSentRow, SecondLook, SentRow, Standing, State, Window,
        email, store, windows,
    },
    op::{Caller, Op},
    outbox::{self, NewMail},
    portal::Portal,
    sites,
    types::{AccountId, BatchId, EmailAddress, InvitationId, Mailbox, Timestamp, sha256},
};

/// The roles that the caller may give at `scope` by inviting.
///
/// # Errors
/// When the caller may not invite there.
pub async fn grantable_roles(portal: &Portal, caller: &Caller, scope: Scope) -> Result<Vec<Role>> {
    caller.scope(portal, Permission::InviteStaff, scope).await?;
    let actor = caller.actor()?;
    let roles = access::roles_of(portal.db.reader(), scope.organisation).await?;
    let may = |role: &Role| {
        actor.memberships.iter().any(|by| policy::may_grant(by, Permission::InviteStaff, role, &scope).is_ok())
    };
    Ok(roles.into_iter().filter(may).collect())
}

/// Invites everybody who can be invited, and says of everybody else why not. The same key and content again give the same
/// answer and send nothing.
///
/// # Errors
/// When the caller may not give the role there, the window is too long, or the key was used for something else.
pub async fn invite_staff(portal: &Portal, caller: &Caller, batch: NewBatch) -> Result<BatchAnswer> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::InviteStaff, batch.scope).await?;
    if batch.texts.len() > portal.config.invitations_without_proof {
        op.require_fresh_proof()?;
    }
    let inviter = op.actor()?.account;
    let hash = content_hash(&batch);
    if let Some((known, answer)) = store::find_answer(op.tx(), inviter, &batch.request_key).await? {
        return if known == hash {
            Ok(answer)
        } else {
            Err(Error::Conflict("This key was used for another list already".to_owned()))
        };
    }
    let unknown_role = || Error::field("role", "Choose a role from the list");
    let role = access::find_role(op.tx(), batch.scope.organisation, batch.role).await?.ok_or_else(unknown_role)?;
    if let Err(refusal) = granted.may_grant(&role, &batch.scope) {
        let detail = json!({ "role": batch.role.to_string(), "reason": refusal.to_string() });
        let event = Event::refused("invitation.refused", batch.scope, Some(batch.scope), detail);
        return Err(op.refuse(event, Error::Forbidden(refusal)).await);
    }
    let Some(window) = batch.window.length(op.now()) else {
        return Err(Error::field("window", "Choose a day within the next 30 days"));
    };
    if batch.access_until.is_some_and(|end| end <= op.now()) {
        return Err(Error::field("access_until", "Choose a day in the future for the end of the access"));
    }
    judge_start(batch.access_from, batch.access_until, op.now()).map_err(|wrong| Error::field("access_from", wrong))?;
    refuse_without_reason(op.tx(), batch.scope, &batch.note).await?;
    // Who has had too many mails is found when they are counted, below.
    let judged = judge(op.tx(), batch.scope, &batch.texts, op.now(), 0).await?;
    if judged.is_empty() {
        return Err(Error::field("addresses", "Enter at least one e-mail address"));
    }
    let confirmed: HashSet<&str> = batch.confirmed.iter().map(String::as_str).collect();
    let mut ready = Vec::new();
    let mut not_sent = Vec::new();
    for (checked, mailbox) in judged {
        match mailbox {
            Some(mailbox) if will_be_sent(&checked, &mailbox, &confirmed) => ready.push(mailbox),
            _ => not_sent.push(not_sent_row(checked)),
        }
    }
    let (ready, mut full) = count_recipients(&op, batch.scope, ready).await?;
    not_sent.append(&mut full);
    if let Err(error) = limits::count_senders(&op, inviter, batch.scope.organisation, ready.len()).await {
        return Err(over_limit(op, "invitation.refused", batch.scope, batch.scope, error).await);
    }
    let answer = write(&mut op, &batch, Some(inviter), &role, window, ready, not_sent, hash).await?;
    op.commit().await?;
    Ok(answer)
}

/// Nobody plans farther ahead, and a wrong year is found.
const FARTHEST_START: std::time::Duration = std::time::Duration::from_secs(366 * 24 * 3600);

/// Whether access may begin then: within a year, and before it ends. A day that has come already means the moment of accepting.
///
/// # Errors
/// The sentence to show beside the field.
pub fn judge_start(from: Option<Timestamp>, until: Option<Timestamp>, now: Timestamp) -> Result<(), String> {
    let Some(from) = from.filter(|from| *from > now) else { return Ok(()) };
    if from > now.plus(FARTHEST_START) {
        return Err("Choose a first day within a year".to_owned());
    }
    if until.is_some_and(|end| end <= from) {
        return Err("The access would end before it begins".to_owned());
    }
    Ok(())
}

/// Some organisations want to know why, for each batch and plan.
///
/// # Errors
/// [`Error::Invalid`] beside `note`.
pub async fn refuse_without_reason(db: &impl sea_orm::ConnectionTrait, scope: Scope, note: &str) -> Result<()> {
    if note.is_empty() && sites::actions::place_of(db, scope).await?.organisation.require_reason {
        return Err(Error::field("note", "Give a reason or a ticket; your organisation asks for one"));
    }
    Ok(())
}

/// Counts the mails to these mailboxes: those that can be sent to now, and the rows of the others.
async fn count_recipients(op: &Op, scope: Scope, ready: Vec<Mailbox>) -> Result<(Vec<Mailbox>, Vec<NotSentRow>)> {
    let keys: Vec<&str> = ready.iter().map(|mailbox| mailbox.address.key()).collect();
    let counted = limits::count_recipients(op, &keys).await?;
    if counted.len() == keys.len() {
        return Ok((ready, Vec::new()));
    }
    let (ready, full): (Vec<_>, Vec<_>) = ready.into_iter().partition(|one| counted.contains(one.address.key()));
    let keys: Vec<String> = full.iter().map(|mailbox| mailbox.address.key().to_owned()).collect();
    let until = limits::full_until(op.tx(), &keys, op.portal().config.mails_per_recipient, op.now()).await?;
    let zone = sites::actions::place_of(op.tx(), scope).await?.time_zone();
    let row = |mailbox: Mailbox| NotSentRow {
        reason: limits::full_sentence(until.get(mailbox.address.key()).copied().unwrap_or_else(|| op.now()), &zone),
        text: mailbox.address.to_string(),
        state: Standing::Refused,
        invitation: None,
    };
    Ok((ready, full.into_iter().map(row).collect()))
}

/// Ends the operation because its mails are too many, and writes that down.
pub(super) async fn over_limit(
    op: Op,
    action: &'static str,
    subject: impl ToString,
    scope: Scope,
    error: Error,
) -> Error {
    match error {
        Error::OverLimit { .. } => {
            let detail = json!({ "reason": error.to_string() });
            op.refuse(Event::refused(action, subject, Some(scope), detail), error).await
        }
        other => other,
    }
}

fn will_be_sent(checked: &Checked, mailbox: &Mailbox, confirmed: &HashSet<&str>) -> bool {
    match checked.state {
        Standing::Ready => true,
        Standing::Look => confirmed.contains(mailbox.address.key()) || confirmed.contains(mailbox.address.as_str()),
        Standing::Staff | Standing::Invited | Standing::Refused => false,
    }
}

fn not_sent_row(checked: Checked) -> NotSentRow {
    NotSentRow { text: checked.text, state: checked.state, reason: checked.reason, invitation: checked.invitation }
}

/// What makes two requests with the same key the same request.
fn content_hash(batch: &NewBatch) -> Vec<u8> {
    let window = match batch.window {
        Window::Until(end) => end.0.to_string(),
        Window::Day | Window::ThreeDays | Window::Week => format!("{:?}", batch.window),
    };
    let mut content = json!([
        batch.scope.to_string(),
        batch.role.to_string(),
        window,
        batch.access_until,
        batch.texts,
        batch.confirmed,
        batch.note
    ]);
    // Keys that were used before there was a first day stay as they are.
    if let (Some(from), Some(content)) = (batch.access_from, content.as_array_mut()) {
        content.push(json!(from));
    }
    sha256("batch v1", content.to_string().as_bytes())
}

#[expect(clippy::too_many_arguments, reason = "everything that a batch is made of")]
async fn write(
    op: &mut Op,
    batch: &NewBatch,
    inviter: Option<AccountId>,
    role: &Role,
    window: std::time::Duration,
    ready: Vec<Mailbox>,
    not_sent: Vec<NotSentRow>,
    hash: Vec<u8>,
) -> Result<BatchAnswer> {
    let now = op.now();
    let wanted = ready.into_iter().map(|mailbox| Wanted {
        mailbox,
        scope: batch.scope,
        role: role.clone(),
        window,
        access_from: batch.access_from,
        access_until: batch.access_until,
        note: batch.note.clone(),
    });
    let batch_id = op.new_id();
    let organisation = sites::actions::place_of(op.tx(), batch.scope).await?.organisation;
    let expires_at = windows::expiry(&organisation, window, now);
    let (invitations, notes) = new_invitations(op, inviter, wanted.collect()).await?;
    let sent = invitations.iter().map(|new| SentRow { email: new.email.to_string(), invitation: new.id }).collect();
    let answer = BatchAnswer { batch: batch_id, sent, not_sent };
    store::insert_batch(op.tx(), inviter, batch, hash, expires_at, &answer, now).await?;
    write_invitations(op, batch_id, &invitations, &notes).await?;
    let detail = json!({ "role": role.key.to_string(), "sent": answer.sent.len(), "not_sent": answer.not_sent.len() });
    op.because(&batch.note);
    op.record(Event::done("batch.sent", answer.batch, batch.scope, detail));
    Ok(answer)
}

/// One invitation to be made, by whoever has asked the grant rule for it.
pub struct Wanted {
    /// To whom.
    pub mailbox: Mailbox,
    /// Where.
    pub scope: Scope,
    /// As what.
    pub role: Role,
    /// For how long the link works.
    pub window: std::time::Duration,
    /// When the access that comes of it will begin; none for the moment of accepting.
    pub access_from: Option<Timestamp>,
    /// When the access that comes of it will end.
    pub access_until: Option<Timestamp>,
    /// Why; goes into the access log.
    pub note: String,
}

/// Those to roles that manage access wait for a second look, where the organisation wants one.
async fn new_invitations(
    op: &Op,
    inviter: Option<AccountId>,
    wanted: Vec<Wanted>,
) -> Result<(Vec<Invitation>, Vec<String>)> {
    let now = op.now();
    let mut known: HashMap<(Scope, RoleKey), (sites::Organisation, bool)> = HashMap::new();
    let mut invitations = Vec::with_capacity(wanted.len());
    let mut notes = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        let (organisation, waits) = match known.entry((wanted.scope, wanted.role.key)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let organisation = sites::actions::place_of(op.tx(), wanted.scope).await?.organisation;
                let waits = second_look::is_needed(op.tx(), wanted.scope, &wanted.role, inviter).await?;
                place.insert((organisation, waits))
            }
        };
        notes.push(wanted.note);
        invitations.push(Invitation {
            id: op.new_id(),
            scope: wanted.scope,
            email: wanted.mailbox.address,
            name: wanted.mailbox.name,
            role: wanted.role.key,
            role_permissions: wanted.role.permissions,
            inviter,
            mail: op.new_id(),
            generation: 1,
            state: if *waits { State::Held } else { State::Pending },
            window: wanted.window,
            sent_at: now,
            expires_at: windows::expiry(organisation, wanted.window, now),
            opened_at: None,
            link_copied: false,
            access_from: wanted.access_from.filter(|from| *from > now),
            access_until: wanted.access_until,
            held_at: waits.then_some(now),
            second_look: if *waits { SecondLook::Waiting } else { SecondLook::NotNeeded },
        });
    }
    Ok((invitations, notes))
}

/// Writes invitations of a batch that is there already, with their mails and events, each with its note.
async fn write_invitations(op: &mut Op, batch: BatchId, invitations: &[Invitation], notes: &[String]) -> Result<()> {
    let mut keys: HashMap<Scope, Vec<String>> = HashMap::new();
    for (new, note) in invitations.iter().zip(notes) {
        op.send(mail_for(new));
        let detail = json!({ "email": new.email.as_str(), "role": new.role.to_string(), "batch": batch, "expires": new.expires_at,
            "access_from": new.access_from, "access_until": new.access_until });
        op.because(note);
        op.record(Event::done("invitation.sent", new.id, new.scope, detail));
        keys.entry(new.scope).or_default().push(new.email.key().to_owned());
    }
    op.flush_mails().await?;
    for (scope, keys) in keys {
        store::close_declined(op.tx(), scope, &keys, op.now()).await?;
    }
    let waiting: Vec<_> = invitations.iter().filter(|new| new.state == State::Held).map(|new| new.mail).collect();
    if !waiting.is_empty() {
        outbox::withdraw(op.tx(), &waiting, op.now()).await?;
    }
    Ok(store::insert(op.tx(), batch, invitations, second_look::WAITS).await?)
}

/// Makes invitations inside an operation that has judged them and asked the grant rule for each; their batch was begun by
/// [`begin_batch`]. In the order of what was wanted: the invitation, or why the person cannot be sent to now.
///
/// # Errors
/// [`Error::OverLimit`] when these are more mails than may go in a day; the operation must then end without effect.
pub async fn invite_within(
    op: &mut Op,
    batch: BatchId,
    scope: Scope,
    wanted: Vec<Wanted>,
) -> Result<Vec<Result<InvitationId, String>>> {
    let inviter = op.actor()?.account;
    let mut keys: Vec<&str> = wanted.iter().map(|wanted| wanted.mailbox.address.key()).collect();
    // Somebody may be invited to two places at once, which are two mails.
    keys.sort_unstable();
    let twice = keys.windows(2).any(|pair| pair.first() == pair.last());
    let mut counted = HashSet::new();
    if twice {
        for key in keys {
            counted.extend(limits::count_recipients(op, &[key]).await?);
        }
    } else {
        counted = limits::count_recipients(op, &keys).await?;
    }
    let full: Vec<String> = wanted
        .iter()
        .map(|wanted| wanted.mailbox.address.key().to_owned())
        .filter(|key| !counted.contains(key))
        .collect();
    let until = limits::full_until(op.tx(), &full, op.portal().config.mails_per_recipient, op.now()).await?;
    let zone = sites::actions::place_of(op.tx(), scope).await?.time_zone();
    let mut answers = Vec::with_capacity(wanted.len());
    let mut going = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        let key = wanted.mailbox.address.key();
        if counted.contains(key) {
            answers.push(None);
            going.push(wanted);
        } else {
            let at = until.get(key).copied().unwrap_or_else(|| op.now());
            answers.push(Some(limits::full_sentence(at, &zone)));
        }
    }
    limits::count_senders(op, inviter, scope.organisation, going.len()).await?;
    let (invitations, notes) = new_invitations(op, Some(inviter), going).await?;
    write_invitations(op, batch, &invitations, &notes).await?;
    let mut ids = invitations.into_iter().map(|new| new.id);
    let answer = |full: Option<String>| match full {
        Some(reason) => Err(reason),
        None => ids.next().ok_or_else(|| "It was not written".to_owned()),
    };
    Ok(answers.into_iter().map(answer).collect())
}

/// Begins a batch whose invitations follow in other operations.
///
/// # Errors
/// When the database fails.
pub async fn begin_batch(op: &Op, batch: BatchId, scope: Scope, expires_at: Timestamp) -> Result<()> {
    let inviter = op.actor()?.account;
    Ok(store::insert_growing_batch(op.tx(), batch, inviter, scope, expires_at, op.now()).await?)
}

/// The mail that an invitation wants.
pub(super) fn mail_for(invitation: &Invitation) -> NewMail {
    NewMail {
        id: invitation.mail,
        organisation: invitation.scope.organisation,
        kind: email::INVITATION,
        about: invitation.id.uuid(),
        generation: invitation.generation,
        recipient: invitation.email.as_str().to_owned(),
    }
}

/// Invites the first Admin of a new organisation, in the operation of the command line that makes it. Nobody answers for it but
/// whoever runs the machine.
///
/// # Errors
/// When the address is bad or the database fails.
pub async fn invite_first_admin(op: &mut Op, scope: Scope, email: EmailAddress) -> Result<(BatchId, Invitation)> {
    let role = Role::from(access::DefaultRole::Admin);
    let batch = NewBatch {
        scope,
        role: RoleKey::Default(access::DefaultRole::Admin),
        window: Window::Day,
        access_from: None,
        access_until: None,
        texts: vec![email.to_string()],
        confirmed: Vec::new(),
        note: String::new(),
        request_key: op.new_id::<crate::types::kind::Batch>().to_string(),
    };
    let hash = content_hash(&batch);
    let window = std::time::Duration::from_secs(24 * 3600);
    let ready = vec![Mailbox { address: email, name: None }];
    let answer = write(op, &batch, None, &role, window, ready, Vec::new(), hash).await?;
    let id = answer
        .sent
        .first()
        .map(|row| row.invitation)
        .ok_or_else(|| Error::internal("the first invitation was not written"))?;
    let invitation = store::find(op.tx(), id).await?.ok_or(Error::NotFound)?;
    Ok((answer.batch, invitation))
}

/// A batch and what became of it.
///
/// # Errors
/// When there is none where the caller may invite.
pub async fn show_batch(portal: &Portal, caller: &Caller, scope: Scope, id: BatchId) -> Result<Batch> {
    let visible = caller.scope(portal, Permission::InviteStaff, scope).await?;
    store::find_batch(portal.db.reader(), &visible, id).await?.ok_or(Error::NotFound)
}

//! The words for every action, in one place. An action that is not here is shown by its own stable word.

/// What belongs together in the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Inviting.
    Invitations,
    /// Who has which role.
    Staff,
    /// The organisation's own roles.
    Roles,
    /// Reviews of who has access.
    Reviews,
    /// Accounts, sessions and API keys.
    SigningIn,
    /// The organisation and its deployments.
    Organisation,
    /// Who saw, changed or contacted which patient.
    Patients,
    /// Refused access, and the log itself.
    Access,
}

impl Group {
    /// Each group with its key and its name on screen.
    pub const ALL: [(Self, &'static str, &'static str); 8] = [
        (Self::Invitations, "invitations", "Invitations"),
        (Self::Staff, "staff", "Staff members"),
        (Self::Roles, "roles", "Roles"),
        (Self::Reviews, "reviews", "Reviews of access"),
        (Self::SigningIn, "signing-in", "Accounts and signing in"),
        (Self::Organisation, "organisation", "Organisation"),
        (Self::Patients, "patients", "Patients"),
        (Self::Access, "access", "Access and this log"),
    ];
}

/// One action: its stable word, its group, its name in the filter, and its sentence. `{actor}`, `{subject}` and `{place}` stand for
/// what the event's columns say, every other word in braces for an entry of its detail; `{sent:invitation}` is a
/// number of them.
pub type Words = (&'static str, Group, &'static str, &'static str);

/// Every action that the portal writes.
pub const ACTIONS: &[Words] = &[
    ("invitation.sent", Group::Invitations, "Invited", "{actor} invited {email} as {role}"),
    ("batch.sent", Group::Invitations, "Invitations sent together", "{actor} sent {sent:invitation} as {role}"),
    ("batch.undone", Group::Invitations, "Batch undone", "{actor} took back {deleted:invitation} of a batch"),
    (
        "invitation.window_changed",
        Group::Invitations,
        "Link's time changed",
        "{actor} changed for how long the link of {email} works",
    ),
    (
        "invitation.change_refused",
        Group::Invitations,
        "Changing an invitation refused",
        "{actor} tried to change the invitation of {email}",
    ),
    ("invitation.resent", Group::Invitations, "Invitation resent", "{actor} resent the invitation of {email}"),
    ("invitation.opened", Group::Invitations, "Link opened", "The link of {email} was opened"),
    ("invitation.accepted", Group::Invitations, "Invitation accepted", "{account} accepted the invitation as {role}"),
    ("invitation.declined", Group::Invitations, "Invitation declined", "{email} declined the invitation"),
    ("invitation.deleted", Group::Invitations, "Invitation deleted", "{actor} deleted the invitation of {email}"),
    ("invitation.held", Group::Invitations, "Invitation held", "The invitation of {email} was held"),
    (
        "invitation.approved",
        Group::Invitations,
        "Invitation approved",
        "{actor} approved the held invitation of {email}",
    ),
    (
        "invitation.corrected",
        Group::Invitations,
        "Address corrected",
        "{actor} corrected the invited address {from} to {email}",
    ),
    (
        "invitation.replaced_role",
        Group::Invitations,
        "Offered role changed",
        "{actor} changed the role that {email} is invited as",
    ),
    (
        "invitation.correct_refused",
        Group::Invitations,
        "Correcting refused",
        "{actor} tried to correct the invited address {email}",
    ),
    (
        "invitation.released",
        Group::Invitations,
        "Held invitation let go",
        "The invitation of {email} was let go, because the change that held it was undone",
    ),
    ("invitation.bounced", Group::Invitations, "Mail bounced", "The mail that invited {email} came back"),
    (
        "invitation.failures_told",
        Group::Invitations,
        "Inviter told of mails that did not arrive",
        "The portal told {subject} of {invitations:invitation} that did not arrive",
    ),
    ("invitation.reminded", Group::Invitations, "Reminded", "The portal reminded {email} of the invitation"),
    ("invitation.slip_printed", Group::Invitations, "Slip printed", "{actor} printed the slip of {email}"),
    (
        "invitation.slip_refused",
        Group::Invitations,
        "Printing a slip refused",
        "{actor} tried to print slips of invitations",
    ),
    ("mail.bounced", Group::Organisation, "Another mail bounced", "A mail of the portal to {email} came back"),
    (
        "bounces.address_shown",
        Group::Organisation,
        "Address for bounces shown",
        "{actor} was shown the address to which bounces are reported",
    ),
    (
        "bounces.address_changed",
        Group::Organisation,
        "Address for bounces changed",
        "{actor} made a new address to which bounces are reported",
    ),
    (
        "invitation.mailed_again",
        Group::Invitations,
        "Invitation mailed again",
        "Somebody asked for a new password for {email}, who got the invitation again",
    ),
    ("invitation.link_copied", Group::Invitations, "Link copied", "{actor} copied the link of {email}"),
    ("invitation.refused", Group::Invitations, "Inviting refused", "{actor} tried to invite people as {role}"),
    (
        "invitation.resend_refused",
        Group::Invitations,
        "Resending refused",
        "{actor} tried to resend the invitation of {email}",
    ),
    (
        "invitation.copy_refused",
        Group::Invitations,
        "Copying a link refused",
        "{actor} tried to copy the link of {email}",
    ),
    ("plan.made", Group::Invitations, "Plan made", "{actor} made the plan {title} of {rows:row}"),
    ("plan.decided", Group::Invitations, "Plan changed", "{actor} decided about {rows:row} of a plan: {decision}"),
    (
        "plan.corrected",
        Group::Invitations,
        "Suggestions taken",
        "{actor} took the suggested spelling in {rows:row} of a plan",
    ),
    ("plan.deleted", Group::Invitations, "Plan deleted", "{actor} deleted the plan {title}, which was not sent"),
    ("plan.scheduled", Group::Invitations, "Plan scheduled", "{actor} scheduled the plan {title}"),
    ("plan.unscheduled", Group::Invitations, "Schedule taken back", "{actor} took back the moment of the plan {title}"),
    ("plan.started", Group::Invitations, "Plan begun", "{actor} began to send the plan {title}"),
    ("plan.applied", Group::Invitations, "Plan sent", "{actor} sent the plan {title}: {sent:invitation}"),
    ("plan.stopped", Group::Invitations, "Plan stopped", "The plan {title} was stopped"),
    ("membership.begun", Group::Staff, "Access begun", "{subject} became {role}"),
    (
        "membership.role_changed",
        Group::Staff,
        "Role changed",
        "{actor} changed the role of {subject} from {from} to {to}",
    ),
    ("membership.ended", Group::Staff, "Access ended", "{actor} ended the access of {subject} as {role}"),
    (
        "membership.start_changed",
        Group::Staff,
        "First day brought forward",
        "{actor} let the access of {subject} begin before its first day",
    ),
    (
        "membership.end_changed",
        Group::Staff,
        "End of access changed",
        "{actor} changed when the access of {subject} ends",
    ),
    (
        "membership.start_change_refused",
        Group::Staff,
        "Bringing a first day forward refused",
        "{actor} was not let begin the access of {subject}: {reason}",
    ),
    (
        "membership.change_refused",
        Group::Staff,
        "Changing a role refused",
        "{actor} tried to change the role of {subject}",
    ),
    ("membership.removal_refused", Group::Staff, "Removing refused", "{actor} tried to remove {subject} from the team"),
    (
        "membership.end_change_refused",
        Group::Staff,
        "Changing the end refused",
        "{actor} tried to change when the access of {subject} ends",
    ),
    (
        "membership.end_announced",
        Group::Staff,
        "End of access announced",
        "The portal told {subject} that their access ends soon",
    ),
    ("role.created", Group::Roles, "Role made", "{actor} made the role {name}"),
    ("role.changed", Group::Roles, "Role's permissions changed", "{actor} changed the role {name}"),
    ("role.deleted", Group::Roles, "Role deleted", "{actor} deleted the role {name}"),
    ("role.create_refused", Group::Roles, "Making a role refused", "{actor} tried to make a role"),
    ("role.change_refused", Group::Roles, "Changing a role refused", "{actor} tried to change the role {subject}"),
    ("role.delete_refused", Group::Roles, "Deleting a role refused", "{actor} tried to delete the role {subject}"),
    ("review.started", Group::Reviews, "Review started", "{actor} started a review of who has access"),
    (
        "review.marked",
        Group::Reviews,
        "Marked in a review",
        "{actor} decided about {subject} in a review of access: {mark}",
    ),
    ("review.finished", Group::Reviews, "Review finished", "{actor} finished a review of who has access"),
    ("review.exported", Group::Reviews, "List of access exported", "{actor} exported who has access to {place}"),
    ("account.created", Group::SigningIn, "Account made", "{subject} made an account"),
    (
        "session.password_given",
        Group::SigningIn,
        "Password given",
        "{subject} gave the right password; the second factor was asked",
    ),
    ("second_factor.refused", Group::SigningIn, "Proof refused", "A wrong proof was given for {subject}"),
    (
        "second_factor.authenticator_added",
        Group::SigningIn,
        "Authenticator set up",
        "{subject} set up an authenticator app",
    ),
    (
        "second_factor.authenticator_removed",
        Group::SigningIn,
        "Authenticator removed",
        "{subject} removed their authenticator app",
    ),
    ("passkey.added", Group::SigningIn, "Passkey added", "{subject} added the passkey {name}"),
    ("passkey.refused", Group::SigningIn, "Passkey refused", "Signing in with a passkey was refused"),
    (
        "passkey.copy_suspected",
        Group::SigningIn,
        "Copy of a passkey suspected",
        "A passkey of {subject} was refused: its counter says that there may be a copy",
    ),
    (
        "passkey.disowned_refused",
        Group::SigningIn,
        "Disowned passkey refused",
        "A passkey of {subject} from before they said “This was not me” was refused: it signs in only after the password",
    ),
    ("passkey.renamed", Group::SigningIn, "Passkey renamed", "{subject} renamed a passkey to {name}"),
    ("passkey.removed", Group::SigningIn, "Passkey removed", "{subject} removed the passkey {name}"),
    ("second_factor.recovery_codes_made", Group::SigningIn, "Recovery codes made", "{subject} got new recovery codes"),
    ("second_factor.recovery_code_used", Group::SigningIn, "Recovery code used", "{subject} used a recovery code"),
    ("browser.trusted", Group::SigningIn, "Browser trusted", "{subject} trusts a browser for two weeks"),
    ("browser.distrusted", Group::SigningIn, "Browser trusted no more", "{subject} trusts a browser no longer"),
    ("second_factor.reset", Group::SigningIn, "Second factor reset", "{actor} reset the second factor of {subject}"),
    (
        "second_factor.reset_refused",
        Group::SigningIn,
        "Resetting a second factor refused",
        "{actor} tried to reset the second factor of {subject}",
    ),
    (
        "password_reset.send_refused",
        Group::SigningIn,
        "Mailing a link refused",
        "{actor} tried to have a link for a new password mailed to {subject}",
    ),
    ("profile.changed", Group::SigningIn, "Personal details changed", "{subject} changed their personal details"),
    (
        "profile.columns_changed",
        Group::SigningIn,
        "Columns chosen",
        "{subject} chose other columns of the Patient List",
    ),
    ("profile.units_changed", Group::SigningIn, "Units changed", "{subject} chose other units"),
    (
        "password.change_refused",
        Group::SigningIn,
        "Changing a password refused",
        "Somebody tried to change the password of {subject} with a wrong one",
    ),
    (
        "session.ended_elsewhere",
        Group::SigningIn,
        "Sessions ended by their owner",
        "{subject} ended sessions elsewhere",
    ),
    ("session.begun", Group::SigningIn, "Signed in", "{subject} signed in"),
    ("session.ended", Group::SigningIn, "Signed out", "{subject} signed out"),
    (
        "session.ended_with_access",
        Group::SigningIn,
        "Sessions ended with the access",
        "The sessions and keys of {subject} ended with their access",
    ),
    (
        "password_reset.asked",
        Group::SigningIn,
        "New password asked for",
        "A link to choose a new password was mailed to {subject}",
    ),
    (
        "password_reset.refused",
        Group::SigningIn,
        "No link for a new password",
        "Somebody asked for a new password for {subject}, and no mail was sent",
    ),
    ("password.reset", Group::SigningIn, "Password chosen by a link", "{subject} chose a new password by a link"),
    ("password.changed", Group::SigningIn, "Password changed", "{subject} changed their password"),
    ("account.disowned", Group::SigningIn, "“This was not me”", "{subject} said that something was not them: {what}"),
    ("session.refused", Group::SigningIn, "Signing in refused", "Somebody tried to sign in as {subject}"),
    ("api_key.made", Group::SigningIn, "API key made", "{actor} made the API key {name}"),
    ("api_key.revoked", Group::SigningIn, "API key revoked", "{actor} revoked an API key"),
    (
        "api_key.refused",
        Group::SigningIn,
        "API key refused",
        "{actor} tried to make an API key with more than they may do",
    ),
    ("organisation.created", Group::Organisation, "Organisation set up", "{actor} set up {name}"),
    (
        "organisation.setting_changed",
        Group::Organisation,
        "Setting changed",
        "{actor} changed the setting “{setting}” from “{before}” to “{after}”",
    ),
    ("deployment.created", Group::Organisation, "Deployment added", "{actor} added the deployment {name}"),
    ("programme.changed", Group::Organisation, "Deployment setting changed", "{actor} changed {what} of {place}"),
    ("patient.seen", Group::Patients, "Patient seen", "{actor} saw {what} of {subject}"),
    ("patients.seen", Group::Patients, "Patients seen", "{actor} saw {what} of {patients:patient}"),
    (
        "patient.seen_exported",
        Group::Patients,
        "List of who saw a patient exported",
        "{actor} exported who has seen {subject}",
    ),
    ("message.sent", Group::Patients, "Message sent", "{actor} sent a message to {subject}"),
    ("message.withdrawn", Group::Patients, "Message taken back", "{actor} took back a message to {subject}"),
    ("appointment.proposed", Group::Patients, "Appointment proposed", "{actor} proposed an appointment to {subject}"),
    ("appointment.moved", Group::Patients, "Appointment moved", "{actor} moved an appointment of {subject}"),
    (
        "appointment.cancelled",
        Group::Patients,
        "Appointment cancelled",
        "{actor} cancelled an appointment of {subject}",
    ),
    (
        "appointment.answered",
        Group::Patients,
        "Appointment answered",
        "{subject} answered about an appointment: {answer}",
    ),
    ("patient.called", Group::Patients, "Patient called", "{actor} called {subject}"),
    ("patient.mail_bounced", Group::Patients, "Mail to a patient bounced", "A mail to {subject} came back"),
    ("patients.added", Group::Patients, "Patients added", "{actor} added {patients:patient}"),
    ("patients.imported", Group::Patients, "Patients imported", "{actor} imported {patients:patient} from a file"),
    ("patient.added", Group::Patients, "Patient added", "{actor} added {subject}"),
    ("patient.changed", Group::Patients, "Patient changed", "{actor} changed {fields} of {subject}"),
    (
        "patient.labels_changed",
        Group::Patients,
        "Labels of a patient changed",
        "{actor} changed the labels of {subject}",
    ),
    (
        "patient.clinicians_assigned",
        Group::Patients,
        "Clinicians assigned",
        "{actor} changed who is assigned to {subject}",
    ),
    ("patient.offboarded", Group::Patients, "Monitoring stopped", "{actor} stopped the monitoring of {subject}"),
    ("patient.reactivated", Group::Patients, "Monitoring resumed", "{actor} resumed the monitoring of {subject}"),
    ("label.created", Group::Patients, "Label created", "{actor} created a label"),
    ("label.renamed", Group::Patients, "Label renamed", "{actor} renamed a label"),
    ("label.deleted", Group::Patients, "Label deleted", "{actor} deleted a label that {patients:patient} had"),
    ("readings.entered", Group::Patients, "Readings entered", "{actor} entered {readings:reading} of {subject}"),
    (
        "flags.resolved",
        Group::Patients,
        "Flags resolved",
        "{actor} reviewed {readings:reading} of {subject} and wrote a note",
    ),
    ("note.added", Group::Patients, "Note added", "{actor} wrote a note about {subject}"),
    ("note.addendum_added", Group::Patients, "Addendum added", "{actor} added to a note about {subject}"),
    ("export.asked", Group::Patients, "Export asked for", "{actor} asked for an export of patient data of {place}"),
    ("export.made", Group::Patients, "Export made", "The export that {actor} asked for was made: {patients:patient}"),
    ("export.failed", Group::Patients, "Export not made", "The export that {actor} asked for was not made: {reason}"),
    ("export.downloaded", Group::Patients, "Export downloaded", "{actor} downloaded an export of {patients:patient}"),
    ("emergency.opened", Group::Patients, "Emergency access opened", "{actor} opened {subject} in an emergency"),
    (
        "emergency.ended",
        Group::Patients,
        "Emergency access ended",
        "{actor} ended the emergency access to {subject} before its time",
    ),
    (
        "emergency.refused",
        Group::Patients,
        "Emergency access refused",
        "{actor} tried to open a patient in an emergency",
    ),
    ("access.refused", Group::Access, "Access refused", "{actor} tried what needs “{permission}” in {place}"),
    ("access_log.exported", Group::Access, "Access log exported", "{actor} exported the access log of {place}"),
];

/// The words of an action.
pub fn of(action: &str) -> Option<&'static Words> {
    ACTIONS.iter().find(|(known, ..)| *known == action)
}

/// The sentence for an action. A refusal without words of its own takes those of what was refused.
pub fn sentence(action: &str) -> String {
    if let Some((.., sentence)) = of(action) {
        return (*sentence).to_owned();
    }
    if let Some((_, _, label, _)) = action.strip_suffix("_refused").and_then(of) {
        return format!("{{actor}} was refused: {}", label.to_lowercase());
    }
    format!("{{actor}}: {}", action.replace(['.', '_'], " "))
}

/// The actions that a value of the filter means: a group's key, or one action. None for a word that means nothing.
pub fn chosen(value: &str) -> Option<Vec<String>> {
    if let Some((group, ..)) = Group::ALL.iter().find(|(_, key, _)| *key == value) {
        return Some(
            ACTIONS.iter().filter(|(_, of, ..)| of == group).map(|(action, ..)| (*action).to_owned()).collect(),
        );
    }
    let well_formed =
        value.len() <= 60 && value.contains('.') && value.bytes().all(|b| matches!(b, b'a'..=b'z' | b'_' | b'.'));
    well_formed.then(|| vec![value.to_owned()])
}

/// What somebody was shown of a patient, in words. A word that is not here is shown as it is stored.
const SEEN: &[(&str, &str)] = &[
    ("list", "the Patient List"),
    ("dashboard", "the dashboard"),
    ("readings", "readings"),
    ("flags", "flags"),
    ("notes", "notes"),
    ("profile", "the profile"),
    ("labels", "labels"),
    ("clinicians", "clinicians"),
    ("monitoring", "monitoring"),
    ("messages", "messages and appointments"),
    ("form for readings", "the form for readings"),
    ("message form", "the form for messages"),
    ("appointment form", "the form for appointments"),
    ("call link", "the link for a call"),
    ("export", "an export"),
    ("log", "who has seen the patient"),
];

/// The words for what was shown.
pub fn seen(what: &str) -> &str {
    SEEN.iter().find(|(known, _)| *known == what).map_or(what, |(_, words)| words)
}

/// What the filter's value is called.
pub fn label(value: &str) -> String {
    let group = Group::ALL.iter().find(|(_, key, _)| *key == value).map(|(.., name)| *name);
    group.or_else(|| of(value).map(|(_, _, label, _)| *label)).unwrap_or(value).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_words_once_and_refusals_find_theirs() {
        for (n, (action, ..)) in ACTIONS.iter().enumerate() {
            assert!(ACTIONS.iter().skip(n + 1).all(|(other, ..)| other != action), "{action}");
        }
        assert_eq!(sentence("role.changed_refused"), "{actor} was refused: role's permissions changed");
        assert_eq!(sentence("door.painted"), "{actor}: door painted");
        assert_eq!(chosen("role.created"), Some(vec!["role.created".to_owned()]));
        assert_eq!(chosen("roles").map(|actions| actions.len()), Some(6));
        assert_eq!(chosen("' OR 1=1"), None);
    }
}

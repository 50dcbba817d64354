//! **Send message**.

use serde_json::json;

use super::{DAY, addressee, refuse_if_many, zone_of};
use crate::{
    access::Permission,
    audit::Event,
    contact::{email, read_text, store},
    error::{Error, Result},
    op::{Caller, Op},
    outbox::{self, NewMail},
    portal::Portal,
    programmes,
    types::{MessageId, PatientId},
};

/// Sends a message: its text onto the patient's private page, and a mail with the link to it. The same press again sends nothing.
///
/// # Errors
/// [`Error::Invalid`] for what cannot be sent or reaches nobody, [`Error::Conflict`] where no messages are sent, and
/// [`Error::OverLimit`] when the patient has had as many as anybody gets in a day.
pub async fn send_message(
    portal: &Portal,
    caller: &Caller,
    patient: PatientId,
    text: &str,
    request_key: &str,
) -> Result<()> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require_for(Permission::ContactPatient, patient).await?;
    let scope = granted.scope();
    let programme = programmes::actions::programme_of(op.tx(), scope.deployment.ok_or(Error::NotFound)?).await?;
    if !programme.messages {
        return Err(Error::Conflict("Messages are switched off in this deployment".to_owned()));
    }
    let text = read_text(text).map_err(|why| Error::field("text", why))?;
    let (sender, sender_name) = (op.actor()?.account, op.actor()?.name.clone());
    if let Some(before) = store::messages::find_by_key(op.tx(), sender, request_key).await? {
        let same = before == (patient, text);
        return if same {
            Ok(())
        } else {
            Err(Error::Conflict("This form was sent already. Open it again".to_owned()))
        };
    }
    if !programme.custom_messages && !programme.predefined.iter().any(|ready| ready.trim() == text) {
        return Err(Error::field("text", "Choose one of the messages that this deployment has ready."));
    }
    let to = addressee(&op, patient).await?;
    let sent = store::messages::sent_since(op.tx(), patient, op.now().minus(DAY)).await?;
    refuse_if_many(&op, &sent, "This patient was sent a message", &zone_of(&op, scope).await?)?;
    let (id, mail) = (op.new_id::<crate::types::kind::Message>(), op.new_id());
    let new = store::messages::New {
        id,
        patient,
        sender,
        sender_name: &sender_name,
        text: &text,
        mail,
        generation: to.link_generation,
        request_key,
    };
    store::messages::insert(op.tx(), &granted, &new, op.now()).await?;
    op.send(NewMail {
        id: mail,
        organisation: scope.organisation,
        kind: email::MESSAGE,
        about: id.uuid(),
        generation: 1,
        recipient: to.email,
    });
    op.record(Event::done("message.sent", patient, scope, json!({ "message": id })));
    op.commit().await
}

/// Takes a message back: its link shows nothing any more, and a mail that waits is not sent.
///
/// # Errors
/// [`Error::NotFound`] when the patient has no such message.
pub async fn withdraw_message(portal: &Portal, caller: &Caller, patient: PatientId, message: MessageId) -> Result<()> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require_for(Permission::ContactPatient, patient).await?;
    let now = op.now();
    let mail = store::messages::withdraw(op.tx(), &granted, patient, message, now).await?.ok_or(Error::NotFound)?;
    outbox::withdraw(op.tx(), &[mail], now).await?;
    op.record(Event::done("message.withdrawn", patient, granted.scope(), json!({ "message": message })));
    op.commit().await
}

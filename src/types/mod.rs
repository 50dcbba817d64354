//! Small values that every room speaks in. Nothing here knows a room.

mod clock;
pub mod day;
pub mod email_address;
mod id;
mod page;
mod person_name;
mod rng;
mod secret;

pub use clock::{Clock, Timestamp};
pub use email_address::{BadAddress, EmailAddress, Mailbox, parse_mailbox};
pub use id::{
    AccountId, ApiKeyId, AppointmentId, BatchId, BrowserId, CeremonyId, DeploymentId, EmergencyId, EventId, ExportId,
    Id, InterruptedId, InvitationId, Kind, LabelId, MailId, MembershipId, MessageId, NoteId, NoticeId, OrganisationId,
    PasskeyId, PasswordResetId, PatientId, PatientImportId, PlanId, ReadingId, ResetRequestId, ReviewId, RoleId,
    SessionId, kind,
};
pub use page::{Cursor, PageOf};
pub use person_name::{BadName, PersonName};
pub use rng::Rng;
pub use secret::{Secret, constant_time_eq, sha256};

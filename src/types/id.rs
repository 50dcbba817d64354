//! Identifiers that cannot be mixed up: the kind is part of the type and of the printed form.

use std::{fmt, hash, marker::PhantomData, str::FromStr};

use sea_orm::{
    ColIdx, DbErr, QueryResult, TryFromU64, TryGetError, TryGetable,
    sea_query::{ArrayType, ColumnType, Nullable, Value, ValueType, ValueTypeErr},
};
use uuid::Uuid;

/// What an identifier identifies; gives the prefix of its printed form.
pub trait Kind: 'static {
    /// Three letters, printed before an underscore: `inv_0190…`.
    const PREFIX: &'static str;
}

/// A UUID version 7 of one kind. Printed as `<prefix>_<32 hexadecimal digits>`; sorts by time of creation.
pub struct Id<K>(Uuid, PhantomData<fn() -> K>);

macro_rules! kinds {
    ($($alias:ident = $kind:ident, $prefix:literal;)*) => {
        /// The kinds of identifier; never values, only type arguments of [`Id`].
        pub mod kind {
            $(#[doc = concat!("Printed as `", $prefix, "_…`.")]
            pub enum $kind {}
            impl super::Kind for $kind { const PREFIX: &'static str = $prefix; })*
        }
        $(#[doc = concat!("Printed as `", $prefix, "_…`.")]
        pub type $alias = Id<kind::$kind>;)*
    };
}

kinds! {
    AccountId = Account, "acc";
    ApiKeyId = ApiKey, "key";
    AppointmentId = Appointment, "apt";
    BatchId = Batch, "bat";
    BrowserId = Browser, "bro";
    CeremonyId = Ceremony, "cer";
    DeploymentId = Deployment, "dep";
    EmergencyId = Emergency, "eme";
    EventId = Event, "evt";
    ExportId = Export, "exp";
    InvitationId = Invitation, "inv";
    InterruptedId = Interrupted, "int";
    LabelId = Label, "lab";
    MailId = Mail, "mai";
    MembershipId = Membership, "mem";
    MessageId = Message, "msg";
    NoteId = Note, "nte";
    NoticeId = Notice, "not";
    OrganisationId = Organisation, "org";
    PasskeyId = Passkey, "psk";
    PasswordResetId = PasswordReset, "rst";
    PatientId = Patient, "pat";
    PatientImportId = PatientImport, "imp";
    PlanId = Plan, "pln";
    ReadingId = Reading, "rea";
    ResetRequestId = ResetRequest, "ask";
    ReviewId = Review, "rev";
    RoleId = Role, "rol";
    SessionId = Session, "ses";
}

impl<K> Id<K> {
    /// Wraps a UUID that is known to be of this kind.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// The bare UUID.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> hash::Hash for Id<K> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", K::PREFIX, self.0.simple())
    }
}
impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is no identifier of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not an identifier of the expected kind")]
pub struct BadId;

impl<K: Kind> FromStr for Id<K> {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let digits = text
            .strip_prefix(K::PREFIX)
            .and_then(|rest| rest.strip_prefix('_'))
            .filter(|digits| digits.len() == 32 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
            .ok_or(BadId)?;
        Uuid::try_parse(digits).map(Self::from_uuid).map_err(|_| BadId)
    }
}

impl<K: Kind> serde::Serialize for Id<K> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de, K: Kind> serde::Deserialize<'de> for Id<K> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl<K> From<Id<K>> for Value {
    fn from(id: Id<K>) -> Self {
        id.0.into()
    }
}
impl<K> TryGetable for Id<K> {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        Uuid::try_get_by(row, index).map(Self::from_uuid)
    }
}
impl<K> ValueType for Id<K> {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        <Uuid as ValueType>::try_from(value).map(Self::from_uuid)
    }
    fn type_name() -> String {
        "Id".to_owned()
    }
    fn array_type() -> ArrayType {
        <Uuid as ValueType>::array_type()
    }
    fn column_type() -> ColumnType {
        ColumnType::Uuid
    }
}
impl<K> Nullable for Id<K> {
    fn null() -> Value {
        Uuid::null()
    }
}
impl<K> TryFromU64 for Id<K> {
    fn try_from_u64(_: u64) -> Result<Self, DbErr> {
        Err(DbErr::ConvertFromU64("Id"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_reads_its_kind() {
        let id = InvitationId::from_uuid(Uuid::from_u128(7));
        assert_eq!(id.to_string(), "inv_00000000000000000000000000000007");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn refuses_another_kind_and_other_spellings() {
        let account = AccountId::from_uuid(Uuid::from_u128(7)).to_string();
        for bad in [
            account.as_str(),
            "inv_0000000000000000000000000000000A",
            "inv_00000000-0000-0000-0000-000000000007",
            "inv_",
            "",
        ] {
            assert_eq!(bad.parse::<InvitationId>(), Err(BadId), "{bad}");
        }
    }
}

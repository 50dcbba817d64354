//! What every operation needs: configuration, database, clock, randomness, keys, and the bells that wake the mail worker and whoever answers for forgotten passwords.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::{
    audit::Sighting,
    config::Config,
    db::Db,
    gather::Gather,
    hashers::Hashers,
    keys::Keys,
    types::{Clock, Id, Rng, Timestamp},
};

/// The shared parts of a running portal; cheap to clone.
#[derive(Clone)]
pub struct Portal(Arc<Parts>);

/// The parts themselves.
pub struct Parts {
    /// Every setting.
    pub config: Config,
    /// The database.
    pub db: Db,
    /// Where the time comes from.
    pub clock: Clock,
    /// Where randomness comes from.
    pub rng: Rng,
    /// Keys derived from the root key.
    pub keys: Keys,
    /// Rung when a mail is enqueued.
    pub mail_bell: Notify,
    /// Rung when a plan is to be sent.
    pub plan_bell: Notify,
    /// Rung when somebody has asked for an export.
    pub export_bell: Notify,
    /// Rung when somebody has asked for a new password.
    pub reset_bell: Notify,
    /// The threads that hash passwords.
    pub hashers: Hashers,
    /// Who was shown which patients, on the way into the access log.
    pub sightings: Arc<Gather<Sighting>>,
}

impl std::ops::Deref for Portal {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Portal {
    /// Puts the parts together.
    pub fn new(config: Config, db: Db, clock: Clock, rng: Rng, keys: Keys) -> Self {
        Self(Arc::new(Parts {
            config,
            db,
            clock,
            rng,
            keys,
            mail_bell: Notify::new(),
            plan_bell: Notify::new(),
            export_bell: Notify::new(),
            reset_bell: Notify::new(),
            hashers: Hashers::start(),
            sightings: Gather::new(),
        }))
    }

    /// The same portal with another clock, for made-up history.
    #[must_use]
    pub fn with_clock(&self, clock: Clock) -> Self {
        Self(Arc::new(Parts {
            config: self.config.clone(),
            db: self.db.clone(),
            clock,
            rng: self.rng.clone(),
            keys: self.keys.clone(),
            mail_bell: Notify::new(),
            plan_bell: Notify::new(),
            export_bell: Notify::new(),
            reset_bell: Notify::new(),
            hashers: self.hashers.clone(),
            sightings: self.sightings.clone(),
        }))
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A new identifier; later ones sort after earlier ones.
    pub fn new_id<K>(&self) -> Id<K> {
        let millis = u64::try_from(self.now().0).unwrap_or_default();
        let bytes = self.rng.bytes::<10>();
        Id::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid())
    }
}

-- How people prove that it is them, and what they may ask for again. Words in braces as in 0001.

-- Who must have a second factor: everybody, managers, nobody.
ALTER TABLE organisations ADD COLUMN second_factor {text} NOT NULL DEFAULT 'everybody';

ALTER TABLE accounts ADD COLUMN phone {text} NOT NULL DEFAULT '';
-- Comma-separated: the units in which readings are shown to this person.
ALTER TABLE accounts ADD COLUMN units {text} NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN password_changed_at {int};
-- Set when the password can no longer be trusted; only a reset link makes a new one then.
ALTER TABLE accounts ADD COLUMN password_void {bool} NOT NULL DEFAULT {false};

-- Sessions begun before there was a second factor are not carried over.
DELETE FROM sessions;
-- half: the password was given, the second factor is still asked. whole: everything was given.
ALTER TABLE sessions ADD COLUMN state {text} NOT NULL DEFAULT 'half';
-- When the person last proved fully that it is them; none where a trusted browser took the place of the second factor.
ALTER TABLE sessions ADD COLUMN proved_at {int};
-- password, authenticator, passkey, recovery code, browser: how the session became whole.
ALTER TABLE sessions ADD COLUMN means {text} NOT NULL DEFAULT 'password';
-- The browser it belongs to, by the long-lived cookie.
ALTER TABLE sessions ADD COLUMN browser_id {id};

-- A browser in which somebody has signed in before. Trusted until trusted_until, it takes the place of the second factor.
CREATE TABLE browsers (
    id {id} NOT NULL PRIMARY KEY,
    account_id {id} NOT NULL REFERENCES accounts (id),
    token_hash {bytes} NOT NULL,
    address {text} NOT NULL,
    agent {text} NOT NULL,
    created_at {int} NOT NULL,
    seen_at {int} NOT NULL,
    trusted_until {int},
    UNIQUE (account_id, token_hash)
){strict};

-- An authenticator app. Its secret is derived from the seed and the root key, so none is stored.
CREATE TABLE authenticators (
    account_id {id} NOT NULL PRIMARY KEY REFERENCES accounts (id),
    seed {bytes} NOT NULL,
    -- The newest time step of which a code was used; no code of it or of an earlier one is taken again.
    last_step {int} NOT NULL,
    added_at {int} NOT NULL,
    used_at {int}
){strict};

-- Public keys only.
CREATE TABLE passkeys (
    id {id} NOT NULL PRIMARY KEY,
    account_id {id} NOT NULL REFERENCES accounts (id),
    credential_id {bytes} NOT NULL UNIQUE,
    name {text} NOT NULL,
    credential {text} NOT NULL,
    added_at {int} NOT NULL,
    used_at {int}
){strict};
CREATE INDEX passkeys_by_account ON passkeys (account_id, id);

-- A passkey's challenge under way; taken (deleted) by the answer, whatever it is.
CREATE TABLE ceremonies (
    id {id} NOT NULL PRIMARY KEY,
    purpose {text} NOT NULL,
    account_id {id} REFERENCES accounts (id),
    state {text} NOT NULL,
    expires_at {int} NOT NULL
){strict};
CREATE INDEX ceremonies_by_expiry ON ceremonies (expires_at);

-- Ten codes derived from the seed and the root key; used is a bit for each.
CREATE TABLE recovery_codes (
    account_id {id} NOT NULL PRIMARY KEY REFERENCES accounts (id),
    seed {bytes} NOT NULL,
    used {int} NOT NULL,
    made_at {int} NOT NULL
){strict};

-- Somebody asked for a new password. Every such request is written down alike, whether there is an account or not;
-- answering it is done apart.
CREATE TABLE reset_requests (
    id {id} NOT NULL PRIMARY KEY,
    email_key {text} NOT NULL,
    address {text} NOT NULL,
    agent {text} NOT NULL,
    requested_at {int} NOT NULL
){strict};

CREATE TABLE password_resets (
    id {id} NOT NULL PRIMARY KEY,
    account_id {id} NOT NULL REFERENCES accounts (id),
    created_at {int} NOT NULL,
    expires_at {int} NOT NULL,
    used_at {int}
){strict};
CREATE INDEX password_resets_by_account ON password_resets (account_id);

-- What a security mail tells of.
CREATE TABLE notices (
    id {id} NOT NULL PRIMARY KEY,
    account_id {id} NOT NULL REFERENCES accounts (id),
    kind {text} NOT NULL,
    detail {text} NOT NULL,
    address {text} NOT NULL,
    agent {text} NOT NULL,
    created_at {int} NOT NULL,
    -- When the person said that it was not them.
    disowned_at {int}
){strict};
CREATE INDEX notices_by_account ON notices (account_id, id);

-- A form that was sent when the session had ended or was no longer strong enough; taken up once the person has proved
-- themselves. Sealed under a key that only the browser's cookie holds.
CREATE TABLE interrupted (
    id {id} NOT NULL PRIMARY KEY,
    account_id {id} NOT NULL REFERENCES accounts (id),
    sealed {bytes} NOT NULL,
    expires_at {int} NOT NULL
){strict};
CREATE INDEX interrupted_by_expiry ON interrupted (expires_at);

-- An invited person who asks for a new password is found by the address alone, in whichever scope they are invited.
CREATE INDEX invitations_by_live_email ON invitations (live_email, sent_at) WHERE live_email IS NOT NULL;

-- One text for both databases. Words in braces are replaced: {id} {int} {text} {bool} {strict}.
-- A block between "-- only sqlite" or "-- only postgres" and "-- end" is kept for that database alone.
-- Instants are milliseconds since 1970 in UTC. {text} compares byte by byte in both.

CREATE TABLE organisations (
    id {id} NOT NULL PRIMARY KEY,
    name {text} NOT NULL,
    time_zone {text} NOT NULL,
    -- Comma-separated: the domains whose look-alikes are pointed out before sending.
    usual_domains {text} NOT NULL,
    allow_copy_link {bool} NOT NULL,
    created_at {int} NOT NULL
){strict};

CREATE TABLE deployments (
    id {id} NOT NULL PRIMARY KEY,
    organisation_id {id} NOT NULL REFERENCES organisations (id),
    name {text} NOT NULL,
    created_at {int} NOT NULL
){strict};
CREATE INDEX deployments_by_organisation ON deployments (organisation_id, name, id);

CREATE TABLE custom_roles (
    id {id} NOT NULL PRIMARY KEY,
    organisation_id {id} NOT NULL REFERENCES organisations (id),
    deployment_id {id} REFERENCES deployments (id),
    name {text} NOT NULL,
    -- Comma-separated permission keys.
    permissions {text} NOT NULL,
    created_at {int} NOT NULL
){strict};
CREATE INDEX custom_roles_by_organisation ON custom_roles (organisation_id, name, id);

CREATE TABLE accounts (
    id {id} NOT NULL PRIMARY KEY,
    email {text} NOT NULL,
    email_key {text} NOT NULL UNIQUE,
    name {text} NOT NULL,
    password_hash {text} NOT NULL,
    -- False while the address was only ever reached by a copied link.
    address_proven {bool} NOT NULL,
    created_at {int} NOT NULL,
    last_seen_at {int}
){strict};

-- scope_id is the deployment's id, or the organisation's for a membership of the whole organisation.
-- live_account repeats account_id while the membership holds, so that one person has one live membership in a scope.
-- name_key and email_key repeat the account's, so that the staff list is read in the order of an index.
CREATE TABLE memberships (
    id {id} NOT NULL PRIMARY KEY,
    organisation_id {id} NOT NULL REFERENCES organisations (id),
    deployment_id {id} REFERENCES deployments (id),
    scope_id {id} NOT NULL,
    account_id {id} NOT NULL REFERENCES accounts (id),
    live_account {id},
    role {text} NOT NULL,
    name_key {text} NOT NULL,
    email_key {text} NOT NULL,
    invited_by {id} REFERENCES accounts (id),
    joined_at {int} NOT NULL,
    ends_at {int},
    ended_at {int},
    UNIQUE (scope_id, live_account)
){strict};
CREATE INDEX memberships_by_account ON memberships (account_id);
CREATE INDEX memberships_by_email ON memberships (scope_id, email_key, id) WHERE ended_at IS NULL;
CREATE INDEX memberships_by_name ON memberships (scope_id, name_key, id) WHERE ended_at IS NULL;
CREATE INDEX memberships_by_joined ON memberships (scope_id, joined_at, id) WHERE ended_at IS NULL;
CREATE INDEX staff_by_email ON memberships (organisation_id, email_key, id) WHERE ended_at IS NULL;
CREATE INDEX staff_by_name ON memberships (organisation_id, name_key, id) WHERE ended_at IS NULL;
CREATE INDEX staff_by_joined ON memberships (organisation_id, joined_at, id) WHERE ended_at IS NULL;

CREATE TABLE sessions (
    id {id} NOT NULL PRIMARY KEY,
    token_hash {bytes} NOT NULL UNIQUE,
    account_id {id} NOT NULL REFERENCES accounts (id),
    address {text} NOT NULL,
    agent {text} NOT NULL,
    created_at {int} NOT NULL,
    seen_at {int} NOT NULL
){strict};
CREATE INDEX sessions_by_account ON sessions (account_id);

CREATE TABLE api_keys (
    id {id} NOT NULL PRIMARY KEY,
    token_hash {bytes} NOT NULL UNIQUE,
    account_id {id} NOT NULL REFERENCES accounts (id),
    organisation_id {id} NOT NULL REFERENCES organisations (id),
    deployment_id {id} REFERENCES deployments (id),
    name {text} NOT NULL,
    permissions {text} NOT NULL,
    created_at {int} NOT NULL,
    last_used_at {int},
    revoked_at {int}
){strict};
CREATE INDEX api_keys_by_account ON api_keys (account_id, id);

-- Failures that must outlive the operation they belong to.
CREATE TABLE attempts (
    subject {text} NOT NULL PRIMARY KEY,
    failures {int} NOT NULL,
    blocked_until {int} NOT NULL,
    last_at {int} NOT NULL
){strict};

-- The outbox. about_id and generation say what the mail is about; the text is made when it is sent, so that no link is stored.
CREATE TABLE mails (
    id {id} NOT NULL PRIMARY KEY,
    organisation_id {id} NOT NULL REFERENCES organisations (id),
    kind {text} NOT NULL,
    about_id {id} NOT NULL,
    generation {int} NOT NULL,
    recipient {text} NOT NULL,
    state {text} NOT NULL,
    due_at {int} NOT NULL,
    attempts {int} NOT NULL,
    crashes {int} NOT NULL,
    -- Raised at each claim; only the claimer that still holds the newest number may write the outcome.
    fence {int} NOT NULL,
    answer {text} NOT NULL,
    created_at {int} NOT NULL,
    done_at {int}
){strict};
CREATE INDEX mails_due ON mails (due_at, id) WHERE done_at IS NULL;
CREATE INDEX mails_not_delivered ON mails (organisation_id, about_id) WHERE state = 'refused';

CREATE TABLE batches (
    id {id} NOT NULL PRIMARY KEY,
    organisation_id {id} NOT NULL REFERENCES organisations (id),
    deployment_id {id} REFERENCES deployments (id),
    -- None: the machine's own command line set the organisation up.
    inviter_id {id} REFERENCES accounts (id),
    request_key {text} NOT NULL,
    request_hash {bytes} NOT NULL,
    role {text} NOT NULL,
    expires_at {int} NOT NULL,
    answer {text} NOT NULL,
    created_at {int} NOT NULL,
    UNIQUE (inviter_id, request_key)
){strict};

-- live_email repeats email_key while the invitation is pending or held: one live invitation for one address in one scope.
CREATE TABLE invitations (
    id {id} NOT NULL PRIMARY KEY,
    organisation_id {id} NOT NULL REFERENCES organisations (id),
    deployment_id {id} REFERENCES deployments (id),
    scope_id {id} NOT NULL,
    email {text} NOT NULL,
    email_key {text} NOT NULL,
    live_email {text},
    name {text},
    role {text} NOT NULL,
    -- What the role permitted when it was offered; a role that has gained since then holds the invitation.
    role_permissions {text} NOT NULL,
    -- None: the machine's own command line set the organisation up.
    inviter_id {id} REFERENCES accounts (id),
    batch_id {id} NOT NULL REFERENCES batches (id),
    mail_id {id} NOT NULL REFERENCES mails (id),
    generation {int} NOT NULL,
    state {text} NOT NULL,
    held_reason {text} NOT NULL,
    link_copied {bool} NOT NULL,
    window_ms {int} NOT NULL,
    sent_at {int} NOT NULL,
    expires_at {int} NOT NULL,
    opened_at {int},
    closed_at {int},
    accepted_by {id} REFERENCES accounts (id),
    UNIQUE (scope_id, live_email)
){strict};
CREATE INDEX invitations_of_organisation_by_sent ON invitations (organisation_id, sent_at, id) WHERE closed_at IS NULL;
CREATE INDEX invitations_of_organisation_by_email ON invitations (organisation_id, email_key, id) WHERE closed_at IS NULL;
CREATE INDEX invitations_of_organisation_by_expiry ON invitations (organisation_id, expires_at, id) WHERE closed_at IS NULL;
CREATE INDEX invitations_of_scope_by_sent ON invitations (scope_id, sent_at, id) WHERE closed_at IS NULL;
CREATE INDEX invitations_of_scope_by_email ON invitations (scope_id, email_key, id) WHERE closed_at IS NULL;
CREATE INDEX invitations_of_scope_by_expiry ON invitations (scope_id, expires_at, id) WHERE closed_at IS NULL;

-- The access log. Append-only: the database itself refuses to change or delete an event.
CREATE TABLE events (
    id {id} NOT NULL PRIMARY KEY,
    at {int} NOT NULL,
    organisation_id {id},
    deployment_id {id},
    actor_id {id},
    actor {text} NOT NULL,
    action {text} NOT NULL,
    subject {text} NOT NULL,
    outcome {text} NOT NULL,
    origin {text} NOT NULL,
    detail {text} NOT NULL
){strict};
CREATE INDEX events_of_organisation ON events (organisation_id, id);

-- only sqlite
CREATE TRIGGER events_stay_as_written BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'the access log cannot be changed'); END;
CREATE TRIGGER events_are_never_deleted BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'the access log cannot be changed'); END;
-- end
-- only postgres
CREATE FUNCTION refuse_change_of_the_access_log() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the access log cannot be changed'; END $$;
CREATE TRIGGER events_stay_as_written BEFORE UPDATE OR DELETE OR TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_the_access_log();
-- end

-- red, amber and grey count the unreviewed entries by severity; the Patient List is read in their order.
CREATE TABLE patients (
    id {id} NOT NULL PRIMARY KEY,
    organisation_id {id} NOT NULL REFERENCES organisations (id),
    deployment_id {id} NOT NULL REFERENCES deployments (id),
    number {text} NOT NULL,
    name {text} NOT NULL,
    name_key {text} NOT NULL,
    email {text} NOT NULL,
    born_on {text} NOT NULL,
    labels {text} NOT NULL,
    red {int} NOT NULL,
    amber {int} NOT NULL,
    grey {int} NOT NULL,
    created_at {int} NOT NULL
){strict};
CREATE INDEX patients_by_flags ON patients (deployment_id, red, amber, grey, id);

CREATE TABLE latest_readings (
    patient_id {id} NOT NULL REFERENCES patients (id),
    module {text} NOT NULL,
    value {text} NOT NULL,
    severity {text} NOT NULL,
    at {int} NOT NULL,
    PRIMARY KEY (patient_id, module)
){strict};

CREATE TABLE readings (
    id {id} NOT NULL PRIMARY KEY,
    patient_id {id} NOT NULL REFERENCES patients (id),
    module {text} NOT NULL,
    value {text} NOT NULL,
    severity {text} NOT NULL,
    at {int} NOT NULL
){strict};
CREATE INDEX readings_by_patient ON readings (patient_id, module, at, id);

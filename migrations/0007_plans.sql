-- Plans: lists of people that are judged first, and sent afterwards in chunks. Words in braces as in 0001.

-- Whether inviting asks for a reason or a ticket.
ALTER TABLE organisations ADD COLUMN require_reason {bool} NOT NULL DEFAULT {false};

CREATE TABLE plans (
    id {id} NOT NULL PRIMARY KEY,
    organisation_id {id} NOT NULL REFERENCES organisations (id),
    deployment_id {id} REFERENCES deployments (id),
    scope_id {id} NOT NULL,
    title {text} NOT NULL,
    -- Why, or a ticket; goes into every event of what the plan does.
    note {text} NOT NULL,
    made_by {id} NOT NULL REFERENCES accounts (id),
    made_at {int} NOT NULL,
    request_key {text} NOT NULL,
    request_hash {bytes} NOT NULL,
    -- 24h, 72h, 7d, or an instant in milliseconds.
    link_window {text} NOT NULL,
    -- Columns of the file that nothing was made of.
    unused {text} NOT NULL,
    -- draft, scheduled, applying, applied, stopped, deleted
    state {text} NOT NULL,
    total {int} NOT NULL,
    done {int} NOT NULL,
    -- In whose name it is sent, and by which way they asked for it: later, or the API key's id.
    sender_id {id} REFERENCES accounts (id),
    sender_via {text} NOT NULL,
    -- scheduled: when it begins. applying: when another node may go on with it.
    due_at {int},
    started_at {int},
    finished_at {int},
    stopped_because {text} NOT NULL,
    UNIQUE (made_by, request_key)
){strict};
CREATE INDEX plans_of_organisation ON plans (organisation_id, id) WHERE state <> 'deleted';
CREATE INDEX plans_of_scope ON plans (scope_id, id) WHERE state <> 'deleted';
CREATE INDEX plans_due ON plans (due_at) WHERE state IN ('scheduled', 'applying');

CREATE TABLE plan_rows (
    plan_id {id} NOT NULL REFERENCES plans (id),
    -- As the spreadsheet numbers it.
    number {int} NOT NULL,
    text {text} NOT NULL,
    email {text} NOT NULL,
    email_key {text} NOT NULL,
    name {text},
    deployment_id {id},
    -- Empty when the row names none that exists.
    role {text} NOT NULL,
    access_until {int},
    note {text} NOT NULL,
    standing {text} NOT NULL,
    reason {text} NOT NULL,
    suggestion {text} NOT NULL,
    -- What the person is here already, or is invited as.
    role_now {text} NOT NULL,
    -- That membership or invitation; of a row that was sent, its invitation.
    about_id {id},
    -- Empty while nobody has decided; send, skip, change_role, resend
    decision {text} NOT NULL,
    -- Empty until the row was applied; sent, resent, changed, left, not_done
    outcome {text} NOT NULL,
    outcome_reason {text} NOT NULL,
    PRIMARY KEY (plan_id, number)
){strict};
CREATE INDEX plan_rows_by_standing ON plan_rows (plan_id, standing, number);
CREATE INDEX plan_rows_waiting ON plan_rows (plan_id, number) WHERE outcome = '';

-- What became of a batch is counted and listed by it.
CREATE INDEX invitations_of_batch ON invitations (batch_id, id);

-- The notes of events, in lower case, so that a search for a ticket reads notes alone and not the whole log. What is proved is the
-- event itself; this only finds it.
CREATE TABLE event_notes (
    event_id {id} NOT NULL PRIMARY KEY,
    organisation_id {id} NOT NULL,
    note_key {text} NOT NULL
){strict};
CREATE INDEX event_notes_of_organisation ON event_notes (organisation_id, event_id);

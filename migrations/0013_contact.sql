-- What is sent to patients, and the appointments made with them. Words in braces as in 0001.

CREATE TABLE messages (
    id {id} NOT NULL PRIMARY KEY,
    organisation_id {id} NOT NULL REFERENCES organisations (id),
    deployment_id {id} NOT NULL REFERENCES deployments (id),
    patient_id {id} NOT NULL REFERENCES patients (id),
    sender_id {id} NOT NULL REFERENCES accounts (id),
    -- As the sender was called then.
    sender_name {text} NOT NULL,
    text {text} NOT NULL,
    sent_at {int} NOT NULL,
    mail_id {id} NOT NULL,
    -- The patient's link generation when it was sent; part of what the link is made over.
    generation {int} NOT NULL,
    -- When the patient's private page was opened first.
    opened_at {int},
    withdrawn_at {int},
    -- One press of the button: the same press again sends nothing.
    request_key {text} NOT NULL,
    UNIQUE (sender_id, request_key)
){strict};
CREATE INDEX messages_of_patient ON messages (patient_id, sent_at, id);

-- state: proposed, confirmed, another (the patient asks for another time), declined, cancelled.
CREATE TABLE appointments (
    id {id} NOT NULL PRIMARY KEY,
    organisation_id {id} NOT NULL REFERENCES organisations (id),
    deployment_id {id} NOT NULL REFERENCES deployments (id),
    patient_id {id} NOT NULL REFERENCES patients (id),
    -- Who made it, and whose time it takes.
    staff_id {id} NOT NULL REFERENCES accounts (id),
    staff_name {text} NOT NULL,
    starts_at {int} NOT NULL,
    ends_at {int} NOT NULL,
    -- video, telephone, visit.
    how {text} NOT NULL,
    -- A place or a link; may be empty.
    place {text} NOT NULL,
    state {text} NOT NULL,
    -- What the patient wrote when asking for another time.
    answer {text} NOT NULL,
    answered_at {int},
    -- How often it was moved or cancelled: iCalendar's SEQUENCE, and the generation of its mails.
    sequence {int} NOT NULL,
    generation {int} NOT NULL,
    mail_id {id} NOT NULL,
    opened_at {int},
    -- Raised at each change; a change names the one that it has seen.
    revision {int} NOT NULL,
    created_at {int} NOT NULL,
    changed_at {int} NOT NULL,
    request_key {text} NOT NULL,
    UNIQUE (staff_id, request_key)
){strict};
CREATE INDEX appointments_of_patient ON appointments (patient_id, starts_at, id);
CREATE INDEX appointments_of_staff ON appointments (staff_id, starts_at, id);

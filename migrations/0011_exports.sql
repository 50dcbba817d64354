-- Patients and entries as other systems read them, and exports of patient data. Words in braces as in 0001.

CREATE INDEX patients_in_order ON patients (deployment_id, id);
CREATE INDEX patients_of_organisation_in_order ON patients (organisation_id, id);
CREATE INDEX readings_of_patient_in_time ON readings (patient_id, at, id);
CREATE INDEX readings_in_time ON readings (deployment_id, at, id);

-- What somebody asked to take out. state is asked, made, failed or wiped; an export that is being made has a lease.
CREATE TABLE exports (
    id {id} NOT NULL PRIMARY KEY,
    organisation_id {id} NOT NULL REFERENCES organisations (id),
    deployment_id {id} NOT NULL REFERENCES deployments (id),
    account_id {id} NOT NULL REFERENCES accounts (id),
    -- By which way it was asked for: a key never gives more later than it gives then.
    via {text} NOT NULL,
    -- JSON: which patients, days, modules, and how.
    wanted {text} NOT NULL,
    request_key {text} NOT NULL,
    state {text} NOT NULL,
    -- Why it failed, in a sentence.
    reason {text} NOT NULL,
    patients_total {int} NOT NULL,
    patients_done {int} NOT NULL,
    readings_done {int} NOT NULL,
    bytes {int} NOT NULL,
    parts {int} NOT NULL,
    lease_until {int},
    -- Raised at each claim: a worker that was slow cannot write over another's.
    fence {int} NOT NULL,
    tries {int} NOT NULL,
    created_at {int} NOT NULL,
    made_at {int},
    ends_at {int} NOT NULL,
    UNIQUE (account_id, request_key)
){strict};
CREATE INDEX exports_of_account ON exports (account_id, deployment_id, id);
CREATE INDEX exports_waiting ON exports (id) WHERE state = 'asked';
CREATE INDEX exports_ending ON exports (ends_at) WHERE state <> 'wiped';

-- The file, sealed, in parts. Each claim writes its own.
CREATE TABLE export_parts (
    export_id {id} NOT NULL REFERENCES exports (id),
    fence {int} NOT NULL,
    part {int} NOT NULL,
    sealed {bytes} NOT NULL,
    PRIMARY KEY (export_id, fence, part)
){strict};

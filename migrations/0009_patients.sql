-- Patients, what they send in, and who has seen it. Words in braces as in 0001.

-- Until now only the demonstration could fill these, and it makes them anew.
DROP TABLE readings;
DROP TABLE latest_readings;
DROP TABLE patients;

-- What a deployment offers, beside the modules that it follows.
ALTER TABLE deployments ADD COLUMN labels {bool} NOT NULL DEFAULT {true};
ALTER TABLE deployments ADD COLUMN offboarding {bool} NOT NULL DEFAULT {true};
ALTER TABLE deployments ADD COLUMN messages {bool} NOT NULL DEFAULT {true};
ALTER TABLE deployments ADD COLUMN custom_messages {bool} NOT NULL DEFAULT {true};
ALTER TABLE deployments ADD COLUMN appointments {bool} NOT NULL DEFAULT {true};
-- What a call opens: tel:{phone}, or a video room's address in which {number} is the patient's number.
ALTER TABLE deployments ADD COLUMN call_link {text} NOT NULL DEFAULT 'tel:{phone}';
-- Raised at each change of what the deployment follows and offers.
ALTER TABLE deployments ADD COLUMN revision {int} NOT NULL DEFAULT 1;

-- A deployment without rows follows every module with sample thresholds.
CREATE TABLE followed_modules (
    deployment_id {id} NOT NULL REFERENCES deployments (id),
    module {text} NOT NULL,
    position {int} NOT NULL,
    -- JSON: part, severity, least and greatest value of each band.
    bands {text} NOT NULL,
    -- Whether the bands are still the samples that the portal comes with.
    samples {bool} NOT NULL,
    PRIMARY KEY (deployment_id, module)
){strict};

CREATE TABLE predefined_messages (
    deployment_id {id} NOT NULL REFERENCES deployments (id),
    position {int} NOT NULL,
    text {text} NOT NULL,
    PRIMARY KEY (deployment_id, position)
){strict};

-- red, amber and grey count the entries that nobody has reviewed; the Patient List is read in their order, those who are no
-- longer monitored last.
CREATE TABLE patients (
    id {id} NOT NULL PRIMARY KEY,
    organisation_id {id} NOT NULL REFERENCES organisations (id),
    deployment_id {id} NOT NULL REFERENCES deployments (id),
    number {text} NOT NULL,
    number_key {text} NOT NULL,
    name {text} NOT NULL,
    name_key {text} NOT NULL,
    email {text} NOT NULL,
    phone {text} NOT NULL,
    -- A day, 1948-03-09, or empty.
    born_on {text} NOT NULL,
    -- male, female, other, or empty: FHIR's words.
    gender {text} NOT NULL,
    surgery_on {text} NOT NULL,
    monitored {int} NOT NULL,
    red {int} NOT NULL,
    amber {int} NOT NULL,
    grey {int} NOT NULL,
    last_entry_at {int},
    offboarded_at {int},
    offboarding_reason {text} NOT NULL,
    -- Part of what the patient's links are made over: a higher one kills the earlier ones.
    link_generation {int} NOT NULL,
    revision {int} NOT NULL,
    created_at {int} NOT NULL,
    changed_at {int} NOT NULL,
    UNIQUE (deployment_id, number_key)
){strict};
CREATE INDEX patients_by_flags ON patients (deployment_id, monitored, red, amber, grey, id);
CREATE INDEX patients_by_birth ON patients (deployment_id, born_on, id);
CREATE INDEX patients_by_surgery ON patients (deployment_id, surgery_on, id) WHERE surgery_on <> '';
CREATE INDEX patients_by_entry ON patients (deployment_id, last_entry_at, id);
CREATE INDEX patients_of_organisation ON patients (organisation_id, number_key);

-- What a search finds a patient by: the words of the number, and those of the name for those who may see names.
CREATE TABLE patient_words (
    deployment_id {id} NOT NULL,
    identifying {bool} NOT NULL,
    word {text} NOT NULL,
    patient_id {id} NOT NULL REFERENCES patients (id),
    PRIMARY KEY (deployment_id, identifying, word, patient_id)
){strict};
CREATE INDEX patient_words_of_patient ON patient_words (patient_id);

CREATE TABLE labels (
    id {id} NOT NULL PRIMARY KEY,
    deployment_id {id} NOT NULL REFERENCES deployments (id),
    text {text} NOT NULL,
    text_key {text} NOT NULL,
    created_at {int} NOT NULL,
    UNIQUE (deployment_id, text_key)
){strict};

CREATE TABLE patient_labels (
    patient_id {id} NOT NULL REFERENCES patients (id),
    label_id {id} NOT NULL REFERENCES labels (id),
    position {int} NOT NULL,
    PRIMARY KEY (patient_id, label_id)
){strict};
CREATE INDEX patient_labels_by_label ON patient_labels (label_id, patient_id);

CREATE TABLE patient_clinicians (
    patient_id {id} NOT NULL REFERENCES patients (id),
    account_id {id} NOT NULL REFERENCES accounts (id),
    deployment_id {id} NOT NULL,
    assigned_at {int} NOT NULL,
    PRIMARY KEY (patient_id, account_id)
){strict};
CREATE INDEX patient_clinicians_by_account ON patient_clinicians (account_id, deployment_id, patient_id);

-- value and second in the module's own unit (second: diastolic), text for what is no number.
CREATE TABLE readings (
    id {id} NOT NULL PRIMARY KEY,
    patient_id {id} NOT NULL REFERENCES patients (id),
    deployment_id {id} NOT NULL,
    module {text} NOT NULL,
    value {real},
    second {real},
    text {text} NOT NULL,
    severity {text} NOT NULL,
    at {int} NOT NULL,
    entered_at {int} NOT NULL,
    -- The person or the key's owner; none when a patient's device sent it.
    entered_by {id},
    -- system|value of the sender, so that nothing is entered twice.
    identifier {text},
    -- The note that reviewed it.
    note_id {id}
){strict};
CREATE INDEX readings_by_patient ON readings (patient_id, module, at, id);
CREATE INDEX readings_unreviewed ON readings (patient_id, id) WHERE note_id IS NULL;
CREATE INDEX readings_by_module ON readings (deployment_id, module, at, id);
CREATE UNIQUE INDEX readings_by_identifier ON readings (deployment_id, identifier) WHERE identifier IS NOT NULL;

-- The newest entry of each module, for the Patient List.
CREATE TABLE latest_readings (
    patient_id {id} NOT NULL REFERENCES patients (id),
    module {text} NOT NULL,
    deployment_id {id} NOT NULL,
    value {real},
    second {real},
    text {text} NOT NULL,
    severity {text} NOT NULL,
    at {int} NOT NULL,
    PRIMARY KEY (patient_id, module)
){strict};
CREATE INDEX latest_readings_by_value ON latest_readings (deployment_id, module, value, patient_id);

CREATE TABLE notes (
    id {id} NOT NULL PRIMARY KEY,
    organisation_id {id} NOT NULL,
    deployment_id {id} NOT NULL,
    patient_id {id} NOT NULL REFERENCES patients (id),
    author_id {id} NOT NULL REFERENCES accounts (id),
    -- As the author was called then.
    author_name {text} NOT NULL,
    text {text} NOT NULL,
    at {int} NOT NULL,
    addendum_to {id} REFERENCES notes (id),
    -- How many entries it reviewed.
    red {int} NOT NULL,
    amber {int} NOT NULL,
    grey {int} NOT NULL
){strict};
CREATE INDEX notes_of_patient ON notes (patient_id, id);

-- only sqlite
CREATE TRIGGER notes_stay_as_written BEFORE UPDATE ON notes BEGIN SELECT RAISE(ABORT, 'a note cannot be changed'); END;
CREATE TRIGGER notes_are_never_deleted BEFORE DELETE ON notes BEGIN SELECT RAISE(ABORT, 'a note cannot be changed'); END;
-- end
-- only postgres
CREATE FUNCTION refuse_change_of_notes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a note cannot be changed'; END $$;
CREATE TRIGGER notes_stay_as_written BEFORE UPDATE OR DELETE OR TRUNCATE ON notes FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_notes();
-- end

-- Which event of the access log tells that which patient was seen.
CREATE TABLE seen_patients (
    patient_id {id} NOT NULL,
    event_id {id} NOT NULL,
    PRIMARY KEY (patient_id, event_id)
){strict};

-- One clinician opened one patient outside their own scope, for a reason and at most an hour.
CREATE TABLE emergency_accesses (
    id {id} NOT NULL PRIMARY KEY,
    organisation_id {id} NOT NULL REFERENCES organisations (id),
    deployment_id {id} NOT NULL,
    patient_id {id} NOT NULL REFERENCES patients (id),
    account_id {id} NOT NULL REFERENCES accounts (id),
    reason {text} NOT NULL,
    begun_at {int} NOT NULL,
    ends_at {int} NOT NULL,
    ended_at {int}
){strict};
CREATE INDEX emergency_accesses_of_account ON emergency_accesses (account_id, patient_id, ends_at);
CREATE INDEX emergency_accesses_of_patient ON emergency_accesses (patient_id, id);

-- Modules that a person hides from the Patient List, comma-separated.
ALTER TABLE accounts ADD COLUMN hidden_columns {text} NOT NULL DEFAULT '';

-- Patients from a file. Words in braces as in 0001.

-- What became of each row: its number in the file, the patient's number and a sentence, and nothing else of anybody.
CREATE TABLE patient_imports (
    id {id} NOT NULL PRIMARY KEY,
    organisation_id {id} NOT NULL REFERENCES organisations (id),
    deployment_id {id} NOT NULL REFERENCES deployments (id),
    account_id {id} NOT NULL REFERENCES accounts (id),
    request_key {text} NOT NULL,
    -- JSON.
    outcomes {text} NOT NULL,
    created_at {int} NOT NULL,
    UNIQUE (account_id, request_key)
){strict};

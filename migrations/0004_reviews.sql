-- Access reviews: everybody of a scope is looked at, and kept or removed, until a day.

CREATE TABLE reviews (
    id {id} NOT NULL PRIMARY KEY,
    organisation_id {id} NOT NULL REFERENCES organisations (id),
    deployment_id {id} REFERENCES deployments (id),
    scope_id {id} NOT NULL,
    started_by {id} NOT NULL REFERENCES accounts (id),
    started_at {int} NOT NULL,
    due_at {int} NOT NULL,
    finished_by {id} REFERENCES accounts (id),
    finished_at {int}
){strict};
-- One review at a time in a scope.
CREATE UNIQUE INDEX reviews_open ON reviews (scope_id) WHERE finished_at IS NULL;
CREATE INDEX reviews_by_scope ON reviews (scope_id, started_at, id);

CREATE TABLE review_marks (
    review_id {id} NOT NULL REFERENCES reviews (id),
    membership_id {id} NOT NULL REFERENCES memberships (id),
    mark {text} NOT NULL,
    marked_by {id} NOT NULL REFERENCES accounts (id),
    marked_at {int} NOT NULL,
    PRIMARY KEY (review_id, membership_id)
){strict};

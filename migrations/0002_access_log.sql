-- Sealing and reading the access log.

-- Events that no seal stands for yet; each is written in its event's own transaction, and goes when the sealer has been there.
CREATE TABLE unsealed_events (
    event_id {id} NOT NULL PRIMARY KEY
){strict};
INSERT INTO unsealed_events (event_id) SELECT id FROM events;

-- The chain: each hash is made over the one before, the number, the moment of sealing, and everything in the event.
CREATE TABLE seals (
    seq {int} NOT NULL PRIMARY KEY,
    event_id {id} NOT NULL UNIQUE,
    sealed_at {int} NOT NULL,
    hash {bytes} NOT NULL
){strict};

-- only sqlite
CREATE TRIGGER seals_stay_as_written BEFORE UPDATE ON seals BEGIN SELECT RAISE(ABORT, 'the access log cannot be changed'); END;
CREATE TRIGGER seals_are_never_deleted BEFORE DELETE ON seals BEGIN SELECT RAISE(ABORT, 'the access log cannot be changed'); END;
-- end
-- only postgres
CREATE TRIGGER seals_stay_as_written BEFORE UPDATE OR DELETE OR TRUNCATE ON seals FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_the_access_log();
-- end

-- What the page reads: a place, a person as actor or subject, a kind of action, what was refused; newest first.
CREATE INDEX events_of_deployment ON events (deployment_id, id);
CREATE INDEX events_by_actor ON events (organisation_id, actor_id, id);
CREATE INDEX events_by_subject ON events (organisation_id, subject, id);
CREATE INDEX events_of_organisation_by_action ON events (organisation_id, action, id);
CREATE INDEX events_of_deployment_by_action ON events (deployment_id, action, id);
CREATE INDEX events_of_organisation_refused ON events (organisation_id, id) WHERE outcome = 'refused';
CREATE INDEX events_of_deployment_refused ON events (deployment_id, id) WHERE outcome = 'refused';

-- Finding people by name or address among everybody who is or was staff, and everybody who was ever invited.
CREATE INDEX memberships_ever ON memberships (organisation_id, name_key, email_key, account_id);
CREATE INDEX invitations_ever_by_email ON invitations (organisation_id, email_key, id);

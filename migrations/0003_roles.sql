-- Custom roles that people shape, role changes that can be undone, and access that ends by date.

-- name_key is what makes two names the same to a reader: without case, spaces and look-alike letters.
ALTER TABLE custom_roles ADD COLUMN name_key {text} NOT NULL DEFAULT '';
-- Raised by each change, so that nobody overwrites a change that they have not seen.
ALTER TABLE custom_roles ADD COLUMN revision {int} NOT NULL DEFAULT 1;
-- A deleted role keeps its row, because the access log speaks of it by id.
ALTER TABLE custom_roles ADD COLUMN deleted_at {int};
UPDATE custom_roles SET name_key = lower(name);
CREATE UNIQUE INDEX custom_roles_by_key ON custom_roles (organisation_id, name_key) WHERE deleted_at IS NULL;

-- The last change of role, for Undo.
ALTER TABLE memberships ADD COLUMN previous_role {text};
ALTER TABLE memberships ADD COLUMN changed_at {int};
ALTER TABLE memberships ADD COLUMN changed_by {id} REFERENCES accounts (id);
-- When the person was told that the access ends soon.
ALTER TABLE memberships ADD COLUMN warned_at {int};
CREATE INDEX memberships_by_role ON memberships (organisation_id, role, id) WHERE ended_at IS NULL;
CREATE INDEX memberships_ending ON memberships (ends_at, id) WHERE ended_at IS NULL AND ends_at IS NOT NULL;

-- When the membership that comes of the invitation will end.
ALTER TABLE invitations ADD COLUMN access_until {int};
ALTER TABLE invitations ADD COLUMN held_at {int};
CREATE INDEX invitations_by_role ON invitations (organisation_id, role, id) WHERE closed_at IS NULL;
CREATE INDEX invitations_by_inviter ON invitations (inviter_id, id) WHERE closed_at IS NULL;

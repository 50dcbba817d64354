-- A first day of access that lies after accepting. Words in braces as in 0001.

-- None: from the moment of joining. Authority is judged by it in the statement that reads memberships.
ALTER TABLE memberships ADD COLUMN starts_at {int};
ALTER TABLE invitations ADD COLUMN access_from {int};
ALTER TABLE plan_rows ADD COLUMN access_from {int};

-- Raised when the address to which bounces are reported is made anew; part of what its secret is derived from.
ALTER TABLE organisations ADD COLUMN bounce_generation {int} NOT NULL DEFAULT 1;

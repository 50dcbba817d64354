-- The organisation's settings can be changed, and what may be sent or tried is counted. Words in braces as in 0001.

-- Raised at each change, so that nobody overwrites what they have not seen.
ALTER TABLE organisations ADD COLUMN settings_revision {int} NOT NULL DEFAULT 1;

-- Failures since the last success, never forgotten with time.
ALTER TABLE attempts ADD COLUMN in_a_row {int} NOT NULL DEFAULT 0;

-- When an address was last sent an invitation, the time before, and the time before that; by whichever organisation.
CREATE TABLE invited_addresses (
    email_key {text} NOT NULL PRIMARY KEY,
    last_at {int} NOT NULL,
    second_at {int} NOT NULL,
    third_at {int} NOT NULL
){strict};

-- How many invitation mails an inviter or an organisation has sent in an hour (hours since 1970).
CREATE TABLE sent_by_hour (
    sender {text} NOT NULL,
    hour {int} NOT NULL,
    mails {int} NOT NULL,
    PRIMARY KEY (sender, hour)
){strict};

-- What becomes of mails after they were wanted, and who is told. Words in braces as in 0001.

-- Each try that did not go right at the first, and whatever was heard of the mail after it was handed over. The row in mails
-- keeps the newest; a mail that was handed over at the first try has no row here until something else is heard of it.
CREATE TABLE mail_tries (
    mail_id {id} NOT NULL REFERENCES mails (id),
    n {int} NOT NULL,
    -- As in mails, or delayed: a server on the way is still trying.
    state {text} NOT NULL,
    answer {text} NOT NULL,
    at {int} NOT NULL,
    next_at {int},
    PRIMARY KEY (mail_id, n)
){strict};
CREATE INDEX mails_by_about ON mails (about_id, id);

-- The mail that told the inviter of this one's failure.
ALTER TABLE mails ADD COLUMN told_in {id};
CREATE INDEX mails_by_told_in ON mails (told_in, id) WHERE told_in IS NOT NULL;
CREATE INDEX mails_untold ON mails (done_at, id) WHERE told_in IS NULL AND state IN ('refused', 'bounced', 'set_aside');

-- Since when an organisation's mails have only failed; none while they go. No foreign key: the worker must not wait for the
-- operation that holds the organisation's row.
CREATE TABLE mail_flow (
    organisation_id {id} NOT NULL PRIMARY KEY,
    failing_since {int},
    failed_at {int} NOT NULL,
    answer {text} NOT NULL
){strict};

-- Reports about returned mail in a minute, whatever node they reach.
CREATE TABLE bounce_reports (
    organisation_id {id} NOT NULL PRIMARY KEY,
    minute {int} NOT NULL,
    reports {int} NOT NULL
){strict};

-- off, day_before, working_days: whether and when those who have not answered are reminded.
ALTER TABLE organisations ADD COLUMN reminders {text} NOT NULL DEFAULT 'off';
-- Whether the window of a link counts working days and ends with one.
ALTER TABLE organisations ADD COLUMN count_working_days {bool} NOT NULL DEFAULT {false};
-- Whether invitations to roles that manage access wait for a second manager.
ALTER TABLE organisations ADD COLUMN second_look {bool} NOT NULL DEFAULT {false};

ALTER TABLE invitations ADD COLUMN reminded_at {int};
-- Empty, or waiting, or given: whether a second manager must look at it and has.
ALTER TABLE invitations ADD COLUMN second_look {text} NOT NULL DEFAULT '';
CREATE INDEX invitations_to_remind ON invitations (expires_at, id) WHERE closed_at IS NULL AND reminded_at IS NULL;

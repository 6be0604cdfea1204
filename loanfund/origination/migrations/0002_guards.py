"""What no service may get round: who may vote, what a decision must rest on, and that an approval holds its money.

Every message is a sentence for the person who meets it.
"""

from django.db import migrations

VOTES = """
CREATE FUNCTION origination_partner_of(proposal bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(a.partner_id, f.partner_id) FROM origination_proposal p
    LEFT JOIN origination_application a ON a.id = p.application_id
    LEFT JOIN facilities_facility f ON f.id = p.facility_id
    WHERE p.id = proposal
$$;

-- Empty when this person's ballot on this proposal counts on this day; else why it does not.
CREATE FUNCTION origination_why_not(proposal bigint, voter bigint, seat bigint, day date) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN voter = p.proposer_id THEN 'made the proposal'
        WHEN voter = p.preparer_id THEN 'prepared the credit memo'
        WHEN NOT EXISTS (
            SELECT FROM origination_committeemember m
            WHERE m.id = seat AND m.user_id = voter AND m.committee_id = p.committee_id AND m.state = 'seated'
                AND m.joined_on <= day AND (m.left_on IS NULL OR m.left_on > day)) THEN 'holds no seat'
        WHEN EXISTS (
            SELECT FROM parties_membership m JOIN parties_partner o ON o.id = m.partner_id
            JOIN parties_partner mine ON mine.id = origination_partner_of(p.id)
            WHERE m.user_id = voter AND (o.id = mine.id OR o.group_id = mine.group_id)) THEN 'belongs to the applicant'
        WHEN EXISTS (
            SELECT FROM origination_conflictdeclaration c
            WHERE c.user_id = voter AND c.partner_id = origination_partner_of(p.id)) THEN 'declared a conflict'
        ELSE '' END
    FROM origination_proposal p WHERE p.id = proposal
$$;

CREATE FUNCTION origination_vote_allowed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    about record;
    why_not text;
BEGIN
    SELECT state, digest, number INTO about FROM origination_proposal WHERE id = NEW.proposal_id;
    IF about.state <> (CASE WHEN NEW.casting THEN 'tied' ELSE 'voting' END) THEN
        RAISE EXCEPTION '% is not open for this ballot.', about.number USING ERRCODE = 'LF201';
    END IF;
    IF NEW.digest <> about.digest THEN
        RAISE EXCEPTION '% is not the text that was voted on.', about.number USING ERRCODE = 'LF202';
    END IF;
    why_not := origination_why_not(NEW.proposal_id, NEW.voter_id, NEW.seat_id, NEW.cast_on);
    IF why_not = 'holds no seat' OR (why_not <> '' AND NEW.choice <> 'recuse') THEN
        RAISE EXCEPTION 'This person has no vote on %: %.', about.number, why_not USING ERRCODE = 'LF203';
    END IF;
    IF NEW.casting AND NOT EXISTS (
        SELECT FROM origination_committeemember WHERE id = NEW.seat_id AND role = 'chair') THEN
        RAISE EXCEPTION 'Only the chair casts on a tie.' USING ERRCODE = 'LF203';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER origination_vote_allowed BEFORE INSERT ON origination_vote
    FOR EACH ROW EXECUTE FUNCTION origination_vote_allowed();
"""

VOTES_UNDO = """
DROP TRIGGER origination_vote_allowed ON origination_vote;
DROP FUNCTION origination_vote_allowed, origination_why_not, origination_partner_of;
"""

DECISIONS = """
CREATE FUNCTION origination_decision_counted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    about record;
    counted record;
BEGIN
    SELECT * INTO about FROM origination_proposal WHERE id = NEW.proposal_id;
    IF about.state NOT IN ('voting', 'tied') THEN
        RAISE EXCEPTION '% is not open for a decision.', about.number USING ERRCODE = 'LF201';
    END IF;
    IF NEW.proposal_digest <> about.digest OR NEW.amount IS DISTINCT FROM about.amount THEN
        RAISE EXCEPTION 'The decision is not about what % says.', about.number USING ERRCODE = 'LF202';
    END IF;
    IF NEW.outcome = 'declined' THEN
        RETURN NEW;
    END IF;
    SELECT count(*) FILTER (WHERE choice = 'approve') AS approvals,
        count(*) FILTER (WHERE choice = 'decline') AS declines,
        count(*) FILTER (WHERE NOT casting) AS taking_part,
        count(*) FILTER (WHERE casting) AS casting INTO counted
    FROM origination_vote
    WHERE proposal_id = NEW.proposal_id AND choice <> 'recuse'
        AND origination_why_not(proposal_id, voter_id, seat_id, NEW.decided_on) = '';
    IF counted.taking_part < about.members_needed OR counted.approvals < about.approvals_needed
        OR counted.approvals <= counted.declines OR (counted.casting > 0 AND NOT about.chair_casts) THEN
        RAISE EXCEPTION '% cannot be approved: % took part, % approved, % declined.', about.number,
            counted.taking_part, counted.approvals, counted.declines USING ERRCODE = 'LF204';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER origination_decision_counted BEFORE INSERT ON origination_decision
    FOR EACH ROW EXECUTE FUNCTION origination_decision_counted();

CREATE FUNCTION origination_application_backed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM origination_decision d JOIN origination_proposal p ON p.id = d.proposal_id
        WHERE d.id = NEW.decision_id AND p.application_id = NEW.id AND d.outcome = 'approved'
            AND d.amount = NEW.approved_amount) THEN
        RAISE EXCEPTION '% is not approved by this decision.', NEW.number USING ERRCODE = 'LF204';
    END IF;
    IF NOT EXISTS (
        SELECT FROM facilities_promise
        WHERE reference = 'application:' || NEW.id AND state = 'reserved' AND amount = NEW.approved_amount) THEN
        RAISE EXCEPTION 'Nothing is reserved in the fund for %.', NEW.number USING ERRCODE = 'LF205';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER origination_application_backed BEFORE UPDATE OF state ON origination_application
    FOR EACH ROW WHEN (NEW.state = 'approved' AND OLD.state <> 'approved')
    EXECUTE FUNCTION origination_application_backed();
"""

DECISIONS_UNDO = """
DROP TRIGGER origination_application_backed ON origination_application;
DROP TRIGGER origination_decision_counted ON origination_decision;
DROP FUNCTION origination_application_backed, origination_decision_counted;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("origination", "0001_initial"),
        ("facilities", "0001_initial"),
        ("parties", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(VOTES, VOTES_UNDO),
        migrations.RunSQL(DECISIONS, DECISIONS_UNDO),
    ]

"""A ballot counts no more when its member holds neither role of the committee: the seat alone does not carry it."""

from django.db import migrations

BEGINNING = """
-- Empty when this person's ballot on this proposal counts on this day; else why it does not.
CREATE OR REPLACE FUNCTION origination_why_not(proposal bigint, voter bigint, seat bigint, day date) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN voter = p.proposer_id THEN 'made the proposal'
        WHEN voter = p.preparer_id THEN 'prepared the credit memo'
        WHEN NOT EXISTS (
            SELECT FROM origination_committeemember m
            WHERE m.id = seat AND m.user_id = voter AND m.committee_id = p.committee_id AND m.state = 'seated'
                AND m.joined_on <= day AND (m.left_on IS NULL OR m.left_on > day)) THEN 'holds no seat'
"""
ROLE = """
        WHEN NOT EXISTS (
            SELECT FROM parties_user_groups held JOIN auth_group role ON role.id = held.group_id
            WHERE held.user_id = voter AND role.name IN ('Committee member', 'Chair')) THEN 'lost the role of a member'
"""
END = """
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
"""


class Migration(migrations.Migration):
    dependencies = [
        ("origination", "0005_proposal_kinds"),
        ("parties", "0002_roles"),
    ]

    operations = [migrations.RunSQL(BEGINNING + ROLE + END, BEGINNING + END)]

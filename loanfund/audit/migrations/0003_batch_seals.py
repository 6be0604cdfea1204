"""Sealing a batch finds its rows by their index and sorts them in memory, whatever the planner believes of a table that
has just grown by thousands of rows."""

from django.db import migrations

SET = """
ALTER FUNCTION audit_seal_batch(text, text) SET work_mem = '32MB';
ALTER FUNCTION audit_seal_batch(text, text) SET enable_seqscan = off;
"""
UNDO = """
ALTER FUNCTION audit_seal_batch(text, text) RESET work_mem;
ALTER FUNCTION audit_seal_batch(text, text) RESET enable_seqscan;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_chain_and_seals")]

    operations = [migrations.RunSQL(SET, UNDO)]

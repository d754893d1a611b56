"""Webhooks in: verified on their raw bytes, committed to the ledger before they are answered, worked on from there.

doors    which connections have webhooks; what a request says, if it is genuine
keeper   many accepted webhooks in one commit
work     from the ledger to contacts and events
receive  the HTTP side
"""

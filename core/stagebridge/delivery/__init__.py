"""Conversion events: queued once, sent in time, counted once.

An event is a fact with an id that never changes; a delivery is that event on its way to one connection. What becomes of
it is a verdict that stays in the ledger.
"""

"""A stand-in for one Zendesk account."""

"""A stand-in for one Omnisend account."""

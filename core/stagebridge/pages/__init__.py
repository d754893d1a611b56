"""The pages of `stagebridge serve`: what the ledger knows, for people with a key. Rendered here, no script runs in a browser."""

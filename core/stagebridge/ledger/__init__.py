"""What we know and what we owe: one database."""

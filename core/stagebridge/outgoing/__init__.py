"""Messages to others: signed, guarded and posted."""

"""Who may ask us: keys for programs and for the pages, and how often a stranger may guess."""

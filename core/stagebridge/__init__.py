"""stagebridge keeps every contact, its lifecycle stage and its conversion events the same in all systems."""

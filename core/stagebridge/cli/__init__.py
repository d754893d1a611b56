"""The command."""


def main() -> None:
    """Run the command line."""
    raise SystemExit("nothing to run yet")

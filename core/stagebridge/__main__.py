"""`python -m stagebridge` is the command."""

from stagebridge.cli import main

if __name__ == "__main__":
    main()

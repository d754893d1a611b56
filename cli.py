"""`python cli.py …` from a checkout is `stagebridge …`."""

from stagebridge.cli import main

if __name__ == "__main__":
    main()

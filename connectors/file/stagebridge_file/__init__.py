"""CSV and JSONL files of contacts, both ways.

with File(path="people.csv") as file:
    for page in file.read("contacts"):
        …
"""

from stagebridge_file.connector import File, FileSettings

__all__ = ["File", "FileSettings"]

"""Values that stand elsewhere: `${NAME}` in the environment or in `.env`, `file:/path`, `keyring:service/name`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from stagebridge.config.problems import Problems
from stagebridge.document import Table

_VARIABLE = re.compile(r"\$\{(\w+)\}")
UNRESOLVED = "unresolved"
"""Stands in for a value whose reference led nowhere, so that the rest of the file is still checked."""


class References:
    """`environ` instead of the process's environment, which wins over the `.env` beside the file."""

    def __init__(self, folder: Path, problems: Problems, environ: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.problems = problems
        self.environ = {**_dotenv(folder / ".env"), **(os.environ if environ is None else environ)}

    def resolve(self, table: Table, key: str, where: str, value: str, *, secret: bool = False) -> str:
        """What the value stands for. A secret has to stand elsewhere."""
        if value.startswith("file:"):
            return self._file(table, key, where, value)
        if value.startswith("keyring:"):
            return self._keyring(table, key, where, value)
        if secret and not _VARIABLE.fullmatch(value):
            instead = "${" + re.sub(r"\W+", "_", where.removeprefix("connections.")).upper() + "}"
            return self._nothing(
                table, key, where,
                f"a secret stands here in plain text; write {instead}, file:/path or keyring:service/name instead",
            )  # fmt: skip
        found = _VARIABLE.sub(lambda match: self._variable(table, key, where, match[1]), value)
        if "${" in _VARIABLE.sub("", value):
            return self._nothing(
                table, key, where, "between ${ and } stands the name of a variable: letters, digits, _"
            )
        return found

    def _variable(self, table: Table, key: str, where: str, name: str) -> str:
        if self.environ.get(name):
            return self.environ[name]
        what = "is empty" if name in self.environ else "is not set"
        return self._nothing(table, key, where, f"the variable {name} {what}; set it, or write it into .env")

    def _file(self, table: Table, key: str, where: str, value: str) -> str:
        try:
            found = (self.folder / Path(value.removeprefix("file:")).expanduser()).read_text("utf-8").strip()
        except OSError as error:
            return self._nothing(table, key, where, f"{value}: {error.strerror or error}")
        except UnicodeDecodeError:
            return self._nothing(table, key, where, f"{value}: not UTF-8 text")
        return found or self._nothing(table, key, where, f"{value}: the file is empty")

    def _keyring(self, table: Table, key: str, where: str, value: str) -> str:
        service, _, name = value.removeprefix("keyring:").partition("/")
        if not service or not name:
            return self._nothing(table, key, where, f"'{value}' is not of the form keyring:service/name")
        try:
            import keyring  # type: ignore[import-not-found,unused-ignore]  # optional: most people use .env
        except ImportError:
            return self._nothing(table, key, where, f"{value} needs the package keyring; `pip install keyring`")
        try:
            found = keyring.get_password(service, name)
        except Exception as error:  # each system's keyring has errors of its own
            return self._nothing(table, key, where, f"{value}: the keyring does not open ({type(error).__name__})")
        return found or self._nothing(table, key, where, f"the keyring has no {service}/{name}")

    def _nothing(self, table: Table, key: str, where: str, what: str) -> str:
        self.problems.add(table, key, where, what)
        return UNRESOLVED


def _dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        from dotenv import dotenv_values
    except ImportError:
        return {}
    # Without interpolation: a password may have a ${ in it.
    return {k: v for k, v in dotenv_values(path, interpolate=False).items() if v is not None}

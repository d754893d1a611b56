"""The distributions of this workspace, as their folders say."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Distribution:
    folder: Path

    @property
    def project(self) -> dict[str, Any]:
        found: dict[str, Any] = tomllib.loads((self.folder / "pyproject.toml").read_text("utf-8"))["project"]
        return found

    @property
    def name(self) -> str:
        return str(self.project["name"])

    @property
    def package(self) -> Path:
        """The folder of the import package."""
        if self.folder == ROOT:
            return ROOT / "core" / "stagebridge"
        return self.folder / self.name.replace("-", "_")

    def modules(self) -> list[Path]:
        return sorted(p for p in self.package.rglob("*.py") if "__pycache__" not in p.parts)


CONNECTORS = [Distribution(p.parent) for p in sorted(ROOT.glob("connectors/*/pyproject.toml"))]
ALL = [Distribution(ROOT), *CONNECTORS]

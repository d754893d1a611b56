"""The command, run as a person runs it, in this process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from distributions import ROOT
from engine_world import World
from stagebridge.cli.app import app
from stagebridge.cli.console import STATE
from stagebridge.clock import SystemClock
from stagebridge.errors import StagebridgeError


@dataclass
class Shell:
    """Runs the command in this process, on the world's clock and configuration."""

    w: World

    def __call__(self, *words: str, **options: Any) -> str:
        result = self.run(*words, **options)
        return result.output + (str(result.exception) if result.exception is not None and result.exit_code else "")

    def json(self, *words: str, **options: Any) -> Any:
        return json.loads(self.run(*words, "--json", **options).stdout)

    def run(self, *words: str, code: int = 0, after: float = 130) -> Result:
        self.w.clock.sleep(after)
        self.w.config()
        os.environ.update({"TOKEN": "pat-test", "SECRET": "sandbox-secret"})
        STATE.clock = self.w.clock
        result = CliRunner().invoke(app, ["-c", str(self.w.folder / "stagebridge.yaml"), *words])
        ended = getattr(result.exception, "exit_code", result.exit_code)
        assert ended == code, f"{words}: {ended}: {result.output} {result.exception!r}"
        return result


def run(*words: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own."""
    command = [sys.executable, str(ROOT / "cli.py"), *words]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=60, env={**os.environ, **environ}, check=False
    )


@dataclass
class Ended:
    """As a process ends."""

    returncode: int
    stdout: str
    stderr: str


def here(*words: str, cwd: Path, **environ: str) -> Ended:
    """The command in this process: as `run`, but for the time that a process takes to start."""
    config = ["-c", str(cwd / "stagebridge.yaml")]
    STATE.clock = SystemClock()
    result = CliRunner().invoke(app, [*config, *words], env=environ)
    error = result.exception
    if isinstance(error, StagebridgeError):
        return Ended(error.exit_code, result.stdout, f"{result.stderr}error {error.code}: {error} {error.hint}")
    assert error is None or isinstance(error, SystemExit), error
    return Ended(result.exit_code, result.stdout, result.stderr)

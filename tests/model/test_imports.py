"""An embedder pays for the model and the mappings only."""

from __future__ import annotations

import subprocess
import sys

import pytest

import stagebridge

HEAVY = (
    "sqlalchemy", "alembic", "typer", "rich", "fastapi", "starlette", "uvicorn", "apscheduler", "hubspot",
    "simple_salesforce", "facebook_business", "stagebridge_hubspot", "stagebridge_salesforce",
)  # fmt: skip


def loaded_by(code: str) -> list[str]:
    """The heavy packages that a fresh interpreter has loaded after `code`."""
    script = f"import sys\n{code}\nprint(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.split()


@pytest.mark.parametrize(
    "code",
    [
        "import stagebridge",
        "from stagebridge import *",
        "from stagebridge import Contact, load_mapping\nload_mapping('hubspot', offline=True)",
        "from stagebridge.connector import Connector",
    ],
)
def test_importing_the_model_loads_no_database_no_web_framework_and_no_sdk(code: str) -> None:
    assert loaded_by(code) == []


def test_the_check_sees_a_heavy_package() -> None:
    assert loaded_by("import rich") == ["rich"]


def test_everything_public_exists_and_is_listed() -> None:
    assert stagebridge.__all__ == sorted(stagebridge.__all__)
    for name in stagebridge.__all__:
        assert getattr(stagebridge, name).__name__ == name
    assert set(stagebridge.__all__) <= set(dir(stagebridge))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'stagebridge' has no attribute 'Kontakt'"):
        _ = stagebridge.Kontakt

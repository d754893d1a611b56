from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hooks_kit import SHOP, Served, configure, serving

APP = {
    "shop": SHOP,
    "crm": {"type": "hubspot", "token": "${TOKEN}", "client_secret": "${SECRET}", "base_url": "http://127.0.0.1:9"},
    "ads": {"type": "meta", "token": "${TOKEN}", "app_secret": "${SECRET}", "verify_token": "${SECRET}", "dataset": "1",
            "base_url": "http://127.0.0.1:9", "mode": "read"},
    "leads": {"type": "tiktok", "token": "${TOKEN}", "app_secret": "${SECRET}", "base_url": "http://127.0.0.1:9", "mode": "read"},
    "secretive": {"type": "webhook", "scheme": "path", "secret": "${LONG}", "mapping": "webhook", "mode": "read"},
    "bare": {"type": "meta", "token": "${TOKEN}", "dataset": "1", "base_url": "http://127.0.0.1:9", "mode": "read"},
    "sales": {"type": "salesforce", "domain": "acme.my", "client_id": "a", "client_secret": "${SECRET}",
              "base_url": "http://127.0.0.1:9"},
}  # fmt: skip
"""Every platform is down: what is genuine is accepted all the same."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for the tests of a module that leave nothing behind."""
    folder: Path = tmp_path_factory.mktemp("served")
    configure(
        folder,
        APP,
        contacts={"initial": "fill_empty"},
        serve={"public_url": "https://hooks.example.com", "timeout": "1s"},
    )
    with serving(folder, extra=["--access-log"]) as running:
        yield running

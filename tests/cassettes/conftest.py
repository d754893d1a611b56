"""Cassettes: `--vcr-record=all` records them against the stand-ins, `--live` against the real platforms.

What the real platform said takes the place of what its stand-in said, and is not recorded over by it.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from cassette_kit import Source, Stage, source_of
from hubspot_stage import HubSpotStage
from salesforce_stage import SalesforceStage
from stub_http import Stub
from tape import CASSETTES, dumps, path_of

STAGES: Mapping[str, type[Stage]] = {"hubspot": HubSpotStage, "salesforce": SalesforceStage}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cassettes", default=CASSETTES, help="where they are, if not in the project")
    parser.addoption("--live", action="store_true", help="record the cassettes anew, against the real platforms")


@pytest.fixture
def vcr_cassette(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """pytest-vcr's fixture, for tests marked `vcr`; the platform is the fixture that such a test asks for."""
    [platform] = STAGES.keys() & set(request.fixturenames)
    kind, name = STAGES[platform], request.function.__name__
    with kind(_source(request.config, kind, name), request.function) as stage:
        yield stage


@pytest.fixture
def hubspot(vcr_cassette: Stage) -> Stage:
    return vcr_cassette


@pytest.fixture
def salesforce(vcr_cassette: Stage) -> Stage:
    return vcr_cassette


def _source(config: pytest.Config, kind: type[Stage], name: str) -> Source:
    mode, live = config.getoption("--vcr-record"), config.getoption("--live", default=False)
    if mode not in (None, "none", "all"):
        raise pytest.UsageError("a cassette is recorded whole or not at all: --vcr-record=all")
    return source_of(kind, _path(config, kind, name), record=mode == "all", live=os.environ if live else None)


def _path(config: pytest.Config, kind: type[Stage], name: str) -> Path:
    return path_of(kind.platform, name, Path(config.getoption("--cassettes", default=CASSETTES)))


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """The end of a test is part of it: all that was recorded was sent, or the recording is fit to be kept."""
    stage = pyfuncitem.funcargs.get("vcr_cassette")
    try:
        result = yield
    except Exception as error:
        if isinstance(stage, Stage):
            stage.no_strays(error)
        raise
    if isinstance(stage, Stage):
        stage.close()
        if stage.replays:
            stage.played()
        else:
            path = _path(pyfuncitem.config, type(stage), pyfuncitem.originalname)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(dumps(stage.recorded()))
    return result


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()
    yield made
    made.close()

"""A test of the wire plays its cassette, or records it: against a stand-in, or against the real platform.

    def test_a_trap(hubspot: HubSpotStage) -> None:
        hs = hubspot.connector()
        [ada] = hubspot.people(ADA)         # in a replay: the ids that were given out when it was recorded
        assert hs.write([…]) == […]

A recording is kept only if its test has passed, if what is written holds no secret and nobody, and if the same test passes
on it again.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar

import orjson
import pytest
from vcr.patch import force_reset

from cassette_deck import Deck, deck
from scrub import Scrubber
from stagebridge.clock import Clock, ManualClock, SystemClock
from stagebridge.sandbox import Sandbox
from tape import Tape, loads

START = datetime.fromisoformat("2026-11-24T12:00:00+00:00")
"""When every recording against a stand-in begins."""

T = TypeVar("T")


@dataclass(frozen=True)
class Replay:
    tape: Tape


@dataclass(frozen=True)
class StandIn:
    seed: int = 1


@dataclass(frozen=True)
class Real:
    """`url` where it is not the platform's own."""

    credentials: Mapping[str, str] = field(repr=False)
    url: str | None = None
    clock: Clock = field(default_factory=SystemClock)


Source = Replay | StandIn | Real


class PatientClock(ManualClock):
    """Stands still between requests, so that the same times go into them in a replay; waits where it is told to."""

    def __init__(self, real: Clock) -> None:
        super().__init__(real.now().replace(microsecond=0))
        self._real = real

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._real.sleep(seconds)


class Stage(ABC):
    """Where a test of the wire takes place, for the length of a `with` block."""

    platform: ClassVar[str]
    api: ClassVar[str]
    needed: ClassVar[tuple[str, ...]]
    """Credentials of a real account."""
    placeholders: ClassVar[Mapping[str, str]]
    """What is written in place of each credential, and what a replay logs in with."""
    stand_in_credentials: ClassVar[Mapping[str, str]]

    def __init__(self, source: Source, test: Callable[..., None]) -> None:
        self.source = source
        self.test = test
        self.box: Sandbox | None = None
        self.switches: dict[str, Any] = {}
        self._open = ExitStack()
        self._given: list[Any] = []
        match source:
            case Replay(tape):
                self.clock: ManualClock = ManualClock(datetime.fromisoformat(tape.clock))
            case StandIn():
                self.clock = ManualClock(START)
            case Real():
                self.clock = PatientClock(source.clock)
        self._began = self.clock.now()
        self.secrets = {self.placeholders[name]: value for name, value in self.credentials.items()}
        """By what is written in their place."""
        self.numbers: set[str] = set()
        """Of a real account."""

    @classmethod
    def live(cls, environment: Mapping[str, str]) -> Real:
        """The real account that the environment names (`…_URL`: at another host); the test is skipped where it names none."""
        prefix = f"STAGEBRIDGE_LIVE_{cls.platform.upper()}_"
        lacking = [prefix + n.upper() for n in cls.needed if not environment.get(prefix + n.upper())]
        if lacking:
            pytest.skip(f"no credentials of a real account: set {', '.join(lacking)}")
        return Real({n: environment[prefix + n.upper()] for n in cls.needed}, environment.get(prefix + "URL"))

    # --- what a test uses --------------------------------------------------------------------------------------

    def given(self, make: Callable[[], T]) -> T:
        """What staging made; in a replay, what it made when the cassette was recorded."""
        if isinstance(self.source, Replay):
            if len(self._given) == len(self.source.tape.given):
                raise AssertionError("the cassette knows nothing of this staging: record it again")
            made: T = self.source.tape.given[len(self._given)]
        else:
            made = self.offstage(make)
        self._given.append(made)
        return made

    def offstage(self, act: Callable[[], T]) -> T:
        """What is sent meanwhile reaches the platform past vcrpy, and is not recorded."""
        with force_reset():
            return act()

    def only_stand_in(self, reason: str) -> None:
        """A test that cannot be staged on a real account says why, and is skipped there."""
        if isinstance(self.source, Real):
            pytest.skip(f"not on a real account: {reason}")

    def fault(self, kind: str, **values: Any) -> None:
        self.only_stand_in(f"nobody can order the fault '{kind}' there")
        if isinstance(self.source, StandIn):
            self.stand_in().fault(kind, **values)

    def switched(self, **switches: Any) -> None:
        """Behaviours of the stand-in that the test is about; before anything else."""
        self.only_stand_in(f"it is as it is, not {', '.join(f'{k}={v!r}' for k, v in switches.items())}")
        assert self.box is None
        self.switches = switches

    def sent(self, tail: str = "") -> list[Any]:
        """The JSON bodies of the requests so far whose path ends so."""
        paths = ((m.uri.partition("?")[0], m) for m, _ in self._deck.interactions())
        return [orjson.loads(m.body or b"null") for path, m in paths if path.endswith(tail)]

    def answers(self) -> list[int]:
        """The statuses of the answers so far."""
        return [got.status for _, got in self._deck.interactions()]

    @property
    def replays(self) -> bool:
        return isinstance(self.source, Replay)

    # --- around it ---------------------------------------------------------------------------------------------

    @property
    def host(self) -> str:
        return f"http://{self.platform}.test"

    @property
    def credentials(self) -> Mapping[str, str]:
        match self.source:
            case Replay():
                return self.placeholders
            case StandIn():
                return self.stand_in_credentials
            case Real(credentials):
                return credentials

    @property
    def base_url(self) -> str | None:
        """Where the platform is; None: where it always is."""
        match self.source:
            case Replay():
                return self.host
            case StandIn():
                return self.stand_in().url
            case Real(_, url):
                return url

    def keep_open(self, connector: Any) -> Any:
        """Closed at the end."""
        return self._open.enter_context(connector)

    def stand_in(self) -> Sandbox:
        if self.box is None:
            assert isinstance(self.source, StandIn)
            box = Sandbox(self.platform, clock=self.clock, switches=self.switches, seed=self.source.seed)
            self.box = self._open.enter_context(box)
            self.furnish(self.box)
        return self.box

    def furnish(self, box: Sandbox) -> None:
        """What every account in these tests has."""

    def words(self) -> Mapping[str, str]:
        """What else gives a real account away, by what is written in its place."""
        return {}

    @abstractmethod
    def prepare(self) -> None:
        """The same for a real account, and nobody of an earlier run left in it."""

    @abstractmethod
    def clean(self) -> None:
        """Take the invented people out of a real account."""

    def __enter__(self) -> Self:
        self._open.callback(random.setstate, random.getstate())
        random.seed(self.test.__name__)  # waits between attempts are drawn
        recorded = self.source.tape.interactions if isinstance(self.source, Replay) else None
        self._deck: Deck = self._open.enter_context(deck(self.host, recorded))
        if isinstance(self.source, Real):
            try:
                self.offstage(self.prepare)
            except BaseException:
                self.close()
                raise
            self._open.callback(self.offstage, self.clean)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._open.close()

    def played(self) -> None:
        """Raises `AssertionError` unless the test did exactly what was recorded."""
        assert isinstance(self.source, Replay)
        self.no_strays()
        if (left := self._deck.expected()) is not None:
            raise AssertionError(f"recorded, and not sent any more: {left.method} {left.uri}")
        if len(self._given) != len(self.source.tape.given):
            raise AssertionError("the cassette knows of more staging than the test does: record it again")

    def no_strays(self, cause: Exception | None = None) -> None:
        """Raises `AssertionError` for a request that was not recorded, whatever the connector made of it."""
        if self._deck.strays:
            raise AssertionError(f"a request that was not recorded: {self._deck.strays[0]}") from cause

    def tape(self) -> Tape:
        """The recording, scrubbed; after the `with` block."""
        self._scrubber = Scrubber(self.secrets, names=self.words(), numbers=self.numbers)
        interactions = self._deck.interactions()
        raw = Tape(self._against(), _name(self.test), self._began.isoformat(), self._given, interactions)
        return self._scrubber.scrubbed(raw)

    def recorded(self) -> Tape:
        """The recording, fit to be kept. Raises `AssertionError` if it still holds a secret or somebody, or if the test does
        not pass on it."""
        tape = self.tape()
        if found := self._scrubber.leaks(tape):
            raise AssertionError(f"not written, for it still holds {', '.join(sorted(found))}")
        replay(type(self), self.test, tape)
        return tape

    def _against(self) -> str:
        if isinstance(self.source, StandIn):
            told = [f"seed {self.source.seed}", *(f"{k}={v!r}" for k, v in self.switches.items())]
            return f"the {self.platform} stand-in of stagebridge {version('stagebridge')} ({', '.join(told)})"
        return f"the real {self.platform}, API {self.api}, on {self._began.date()}"


S = TypeVar("S", bound=Stage)


def source_of(kind: type[Stage], path: Path, *, record: bool, live: Mapping[str, str] | None) -> Source:
    """What a run of a test is about: its cassette, the stand-in, or the real account that the environment `live` names.
    Skips where there is none, and where the stand-in would record over what the real platform said."""
    if live is not None:
        return kind.live(live)
    if not record:
        assert path.is_file(), f"there is no {path.name}: `make record` makes it"
        return Replay(loads(path.read_bytes()))
    if path.is_file() and (held := loads(path.read_bytes())).is_real:
        pytest.skip(f"recorded against {held.against}; delete the cassette to have the stand-in's")
    return StandIn()


def replay(kind: type[S], test: Callable[[S], None], tape: Tape) -> None:
    """Play a test against a cassette. Raises what the test raises, and `AssertionError` for a request that differs, is too
    many or is missing."""
    with kind(Replay(tape), test) as stage:
        try:
            test(stage)
        except Exception as error:
            stage.no_strays(error)
            raise
    stage.played()


def record(kind: type[S], test: Callable[[S], None], source: Source) -> Tape:
    with kind(source, test) as stage:
        test(stage)
    return stage.recorded()


def _name(test: Callable[..., None]) -> str:
    return f"tests/{test.__module__.removeprefix('tests.').replace('.', '/')}.py::{test.__name__}"


__all__ = ["PatientClock", "Real", "Replay", "Source", "Stage", "StandIn", "record", "replay", "source_of"]

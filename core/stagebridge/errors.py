"""Everything that stagebridge raises, sorted by what to do next.

Each error is one sentence for the person at the terminal, a `hint` that says what to do, a stable `code`
(`SB-…`) to search for, and the `exit_code` that the command ends with.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar


class StagebridgeError(Exception):
    """The root of all. `str(error)` is the sentence; `hint` may be empty."""

    default_code: ClassVar[str] = "SB-ERROR"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code or self.default_code

    @property
    def in_full(self) -> str:
        """The sentence and what to do, for one line."""
        return f"{self}. {self.hint}" if self.hint else str(self)


class ConfigError(StagebridgeError):
    """The configuration or the command line is wrong; nothing was contacted or changed. Mend it and run again."""

    default_code = "SB-CONFIG"
    exit_code = 2


class MappingError(ConfigError):
    """A mapping file is wrong. Every line of the message reads `file:line: path: what`."""

    default_code = "SB-MAPPING"


class LedgerError(ConfigError):
    """The ledger cannot be used as it is: not a ledger, written by a newer version, or full."""

    default_code = "SB-LEDGER"


class NotSupported(ConfigError):
    """This platform has no such verb. The message names the platform and the verb."""

    default_code = "SB-NOT-SUPPORTED"


class AuthError(StagebridgeError):
    """The platform refused the credentials, or a scope is missing. This connection stops; the others go on."""

    default_code = "SB-AUTH"
    exit_code = 3


class GuardTripped(StagebridgeError):
    """A run would have changed more than a guard allows; nothing was written to any platform."""

    default_code = "SB-GUARD"
    exit_code = 5


class TryLater(StagebridgeError):
    """Nothing is wrong with us; the same command works later. `until` is when, if anybody said (aware datetime)."""

    default_code = "SB-LATER"
    exit_code = 75

    def __init__(self, message: str, *, until: datetime | None = None, hint: str = "", code: str | None = None) -> None:
        super().__init__(message, hint=hint, code=code)
        self.until = until


class Busy(TryLater):
    """Another run holds the ledger."""

    default_code = "SB-BUSY"


class BudgetExhausted(TryLater):
    """A quota of the platform, or the share of it that we may use, is spent until `until`. Do not hammer."""

    default_code = "SB-BUDGET"


class PlatformDown(TryLater):
    """The platform did not give a usable answer after all retries."""

    default_code = "SB-DOWN"


class BatchRefused(StagebridgeError):
    """Nothing of a batch of events was taken, because of one of them. `index` is which, where the platform says so."""

    default_code = "SB-EVENT-REFUSED"

    def __init__(self, message: str, *, index: int | None = None, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.index = index


class NoAnswer(StagebridgeError):
    """A write was sent and its answer never came: it may have taken effect. Read back before anything is sent again."""

    default_code = "SB-NO-ANSWER"

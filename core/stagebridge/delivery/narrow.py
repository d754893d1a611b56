"""A platform that refuses a whole batch because of one event: the bad one is found, the others are sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stagebridge.connector import Done, Draft, Outcome, Rejected, Retry, Unknown
from stagebridge.errors import BatchRefused, NoAnswer, StagebridgeError

Send = Callable[[Sequence[Draft]], list[Outcome]]
LATER = 60.0
"""Seconds until events are tried again that were not sent because of something that stopped the connection."""


def narrowed(send: Send, batch: Sequence[Draft]) -> tuple[list[Outcome], StagebridgeError | None]:
    """One outcome per event, in order, and what stopped the connection on the way, if anything did.

    Where the platform names the bad event, each costs one more request; elsewhere at most log2(n) + 1 to find it, and one
    for those that stood beside it.
    """
    work = _Narrowing(send)
    try:
        work.run(list(batch))
    except StagebridgeError as error:
        return [work.outcomes.get(d.id, Retry(LATER, str(error))) for d in batch], error
    return [work.outcomes[d.id] for d in batch], None


class _Narrowing:
    def __init__(self, send: Send) -> None:
        self._send = send
        self.outcomes: dict[str, Outcome] = {}

    def run(self, rest: list[Draft]) -> None:
        while rest:
            try:
                self.sent(rest)
                return
            except BatchRefused as refusal:
                named = refusal.index
                if named is not None and 0 <= named < len(rest):
                    self.refuse(rest.pop(named), refusal)
                else:
                    rest = self.one_out_of(rest, refusal)

    def sent(self, some: Sequence[Draft]) -> bool:
        """Whether every one of them was settled. Raises `BatchRefused`."""
        try:
            answers = self._send(some)
        except NoAnswer as error:
            answers = [Unknown(str(error)) for _ in some]
        self.outcomes.update(zip((d.id for d in some), answers, strict=True))
        return all(isinstance(a, Done | Rejected) for a in answers)

    def one_out_of(self, suspects: list[Draft], refusal: BatchRefused) -> list[Draft]:
        """Find one bad event among these by halves; returns those that have not been sent yet."""
        aside: list[Draft] = []
        blamed = suspects  # what the last refusal was about
        while len(suspects) > 1:
            half, other = suspects[: len(suspects) // 2], suspects[len(suspects) // 2 :]
            try:
                if not self.sent(half):
                    return [*other, *aside]  # without an answer for the one half nothing is known of the other
                suspects = other
            except BatchRefused as again:
                refusal, suspects, blamed = again, half, half
                aside = [*other, *aside]
        if blamed != suspects:  # found because the others are good: what is wrong with it was never said
            try:
                self.sent(suspects)
                return aside
            except BatchRefused as own:
                refusal = own
        self.refuse(suspects[0], refusal)
        return aside

    def refuse(self, draft: Draft, why: BatchRefused) -> None:
        self.outcomes[draft.id] = Rejected(why.code, str(why))


__all__ = ["narrowed"]

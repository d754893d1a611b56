"""From a configuration to messages that are noted and sent."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from stagebridge.clock import Clock, SystemClock
from stagebridge.config import Config
from stagebridge.ledger.store import Ledger
from stagebridge.outgoing.guard import Forbidden, Guard
from stagebridge.outgoing.noting import AlertNotes, Noting
from stagebridge.outgoing.outlets import Outlets
from stagebridge.outgoing.poster import Poster
from stagebridge.outgoing.sender import Count, Post, Sender
from stagebridge.sync.desk import Desk

ALERTS = logging.getLogger("stagebridge.alerts")


class Outgoing:
    """The messages of one configuration. Alerts are noted from now on; what the engine decides, once it is attached."""

    def __init__(self, config: Config, clock: Clock | None = None) -> None:
        self.config = config
        self.clock = clock or SystemClock()
        self.outlets = Outlets(config, clock)
        self.alerts = AlertNotes(self.outlets, self.clock)
        if self.outlets:
            ALERTS.addHandler(self.alerts)

    def attach(self, desk: Desk) -> None:
        if self.outlets:
            desk.watches.append(Noting(self.outlets))  # after what fires events: they are told of too
            desk.ending.append(self.alerts.write)

    def sender(self, ledger: Ledger, post: Post | None = None, count: Count | None = None) -> Sender:
        """`post` is what posts, through the guard unless given; `count` hears of each post."""
        posting = post or Poster(Guard(self._allowed())).post
        return Sender(ledger, self.outlets, posting, self.clock, self.alerts, count)

    def forbidden(self) -> dict[str, Forbidden]:
        """Connections with an address that nothing is sent to, as far as the URL alone can tell, and why."""
        guard, found = Guard(self._allowed()), {}
        for outlet in self.outlets.standing.values():
            try:
                guard.check(outlet.endpoint.url)
            except Forbidden as error:
                found[outlet.connection] = error
        return found

    def _allowed(self) -> list[str]:
        """Hosts that the configuration's owner names: also where a stand-in is in a platform's place."""
        stand_ins = [c.settings.base_url for c in self.outlets.connectors.values() if c.settings.base_url]
        return [*self.config.outgoing.allow, *(urlsplit(url).netloc for url in stand_ins)]

    def close(self) -> None:
        ALERTS.removeHandler(self.alerts)


__all__ = ["Outgoing"]

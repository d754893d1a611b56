"""Many requests at once, over connections that stay open, and how long each took.

Written on sockets: a client library would cost more than what is measured.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field


@dataclass
class Load:
    """What came back: how often each status, and the seconds of every answer."""

    statuses: dict[int, int] = field(default_factory=dict)
    took: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.took) / self.seconds

    def slowest(self, share: float) -> float:
        """The seconds within which all but this share were answered."""
        return sorted(self.took)[min(len(self.took) - 1, int(len(self.took) * (1 - share)))]


def request(path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(body)}"]
    lines += [f"{k}: {v}" for k, v in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def drive(port: int, requests: Iterable[bytes], *, wide: int, rate: float | None = None, bunch: int = 1) -> Load:
    """Send all of them over `wide` connections, as fast as answers come, or `rate` a second, so many at the same instant."""
    return asyncio.run(_drive(port, iter(requests), wide, rate, bunch))


async def _drive(port: int, requests: Iterator[bytes], wide: int, rate: float | None, bunch: int) -> Load:
    load, began = Load(), time.perf_counter()
    numbered = enumerate(requests)

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number, text in numbered:
            due = began + number // bunch * bunch / rate if rate else time.perf_counter()
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            # at a given rate an answer is late from when its request was due, also if no connection was free
            since = due if rate else time.perf_counter()
            writer.write(text)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            if length:
                await reader.readexactly(length)
            load.took.append(time.perf_counter() - since)
            status = int(head[9:12])
            load.statuses[status] = load.statuses.get(status, 0) + 1
        writer.close()

    await asyncio.gather(*(one() for _ in range(wide)))
    load.seconds = time.perf_counter() - began
    return load

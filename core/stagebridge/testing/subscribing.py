"""Users who subscribe by themselves: only with addresses of the platform's own, and for as long as they listen."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from stagebridge.connector import Connector
from stagebridge.endpoint import HAPPENINGS
from stagebridge.testing.office import Office
from stagebridge.testing.posting import Posted

EVIL = "evil.example.com"
LITERALS = (
    "127.0.0.1", "10.0.0.1", "192.168.0.1", "169.254.169.254", "0.0.0.0", "2130706433", "0x7f.1", "0177.0.0.1", "[::1]",
    "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "localhost", "metadata.google.internal",
)  # fmt: skip


def tricks(address: str) -> Iterator[str]:
    """Addresses that look like this one, to people or to some parser, and are somebody else's; `address` has https and a name."""
    parts = urlsplit(address)
    host, rest = parts.netloc, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    yield from ("", " ", "https://", f"https://{rest}", f"//{host}{rest}", f"{host}{rest}", "file:///etc/passwd")
    yield from (f"{scheme}://{host}{rest}" for scheme in ("http", "ftp", "javascript", "httpsx"))
    yield from (f"https://{user}@{host}{rest}" for user in ("user", "user:password", ""))
    yield from (f"https://{host}:{port}{rest}" for port in ("80", "8443", "22", "port", "99999", "-1"))
    yield from (f"https://{other}{rest}" for other in (*LITERALS, *look_alikes(host)))
    yield from (f"https://{EVIL}{joint}{host}{rest}" for joint in ("/", "?", "#@", "\\@", "\\.", "/@", "?https://"))
    yield from (
        f"https://{host}{joint}{EVIL}{rest}" for joint in ("@", ":443@", "\\@", "%40", "%00.", "%2e", ".", "\t@")
    )
    yield from (f"https://{host}{rest}{end}" for end in ("\r\nHost: evil", "\n", " ", "\x00", "\u2028"))
    yield from (f"{start}https://{host}{rest}" for start in (" ", "\n", "\t", "\ufeff"))
    yield from (f"https://{host[:3]}{inside}{host[3:]}{rest}" for inside in ("\r\n", "\t", "\u200b", "\u00ad"))


def look_alikes(host: str) -> Iterator[str]:
    """Names that are not under the host's own domain, its last two labels."""
    *front, name, top = host.split(".")
    yield from (f"{host}.example.com", f"{host}.evil", f"{host}.", f"{host}..", f".{host}")
    yield from (
        ".".join((*front, other, top)) for other in (f"evil{name}", f"evil-{name}", f"{name}evil", f"{name}\u0430")
    )
    yield from (".".join((*front, name, other)) for other in (f"{top}munity", "example", f"{top}.example"))
    yield from (dot.join((*front, name, top)) for dot in ("\u3002", "\uff0e", "-"))
    yield host.replace("o", "\u043e").replace("e", "\u0435").replace("a", "\u0430")


def moved(parts: SplitResult) -> Iterator[str]:
    """What is beside an address of the stand-in, on the same machine and yet not its own."""
    host, port, rest = parts.hostname, parts.port or 80, parts.path
    yield from (f"{parts.scheme}://{host}:{other}{rest}" for other in (port + 1, 1, 6379))
    yield from (f"{parts.scheme}://{parts.netloc}@{EVIL}{rest}", f"{parts.scheme}://user@{parts.netloc}{rest}")


class Subscribing(Posted):
    needs = "posts: subscriptions"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return connector.capabilities.posts is not None and connector.capabilities.posts.subscriptions

    def test_with_an_address_that_the_platform_hands_out_anybody_may_subscribe(self, office: Office) -> None:
        assert office.bench.address, "say in `address` what the platform hands out"
        assert outside(office).unfit(office.bench.address) is None
        assert office.connector.unfit(office.bench.hand_out()) is None

    def test_with_an_address_that_only_looks_like_the_platforms_nobody_subscribes(self, office: Office) -> None:
        connector, address = outside(office), office.bench.address
        assert [url for url in tricks(address) if not connector.unfit(url)] == []
        assert [url for url in moved(urlsplit(office.bench.hand_out())) if not office.connector.unfit(url)] == []
        secret = urlsplit(address).path.strip("/").rpartition("/")[2]
        assert secret, "an address as the platform hands it out ends with what nobody guesses"
        assert [why for url in tricks(address) if secret in (why := connector.unfit(url) or "")] == []

    def test_a_subscriber_is_told_what_he_asked_for_as_the_settings_address_is(self, office: Office) -> None:
        posts, url = office.connector.capabilities.posts, office.bench.hand_out()
        assert posts is not None
        for type in HAPPENINGS:
            told = office.connector.subscriber(url, type)
            assert (told.url, told.types, told.shape) == (url, (type,), posts.shape)
            assert [s.get_secret_value() for s in told.secrets] == list(office.bench.secrets)
            if posts.rate is not None:
                assert told.rate is not None
                assert told.rate[0] / told.rate[1] <= posts.rate[0] / posts.rate[1]

    def test_a_subscription_ends_when_nobody_listens_there_any_more(self, office: Office) -> None:
        names = [office.subscribe(type) for type in HAPPENINGS[:2]]
        gone, stays = (office.subscribed()[n] for n in names)
        office.happen(2, *HAPPENINGS[:2])
        office.send()
        assert [m["type"] for url in (gone, stays) for m in office.bench.posted(url)] == list(HAPPENINGS[:2])
        office.bench.stop_listening(gone)
        office.happen(4, *HAPPENINGS[:2])
        office.send(looks=3)
        assert stays in office.subscribed().values()
        assert gone not in office.subscribed().values()
        assert [len(office.bench.posted(url)) for url in (gone, stays)] == [1, 3]


def outside(office: Office) -> Connector:
    """The connector without a stand-in, as it judges addresses of the platform itself."""
    settings = office.connector.settings.model_copy(update={"base_url": None})
    made = office.bench.connector(settings, clock=office.clock)
    office.bench.opened.append(made)
    return made

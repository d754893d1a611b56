"""Stateful stand-ins of platforms, for tests, demos and trying things out without an account.

    with Sandbox("hubspot", clock=clock) as hs:
        hs.seed([{"email": "ada@example.com"}])
        connector = HubSpot(token="pat-any", base_url=hs.url)

Every sandbox speaks the same side protocol over HTTP (JSON; 400 `{"error"}` for a mistake), so that anything can be tested
from outside:

    POST /_sandbox/reset    {}                          everything as it was at the start; the clock goes on
    POST /_sandbox/seed     {…}                         the platform's own form, see its class
    POST /_sandbox/fault    {"kind": "timeout_after", "method": "POST", "path": "*batch*", "times": 1}
                            {"kind": "none"} disarms all
    POST /_sandbox/clock    {"advance": 60}             move its clock (seconds)
    POST /_sandbox/deliver  {"url": "http://…"}         send the webhooks that are due; answers {"sent": [status, …]}
    GET  /_sandbox/hooks?url=…                          or take them, signed for that URL: {"hooks": [{method, url, …}]}
    POST /_sandbox/act      {…}                         let somebody there do what makes the platform call others; the form and
                                                        what it answers are the platform's own, see its class
    GET  /_sandbox/state                                what the platform holds now
    GET  /_sandbox/requests?method=POST&path=*batch*    what came in: {"count", "by_route", "by_status", "by_endpoint",
                                                        "records", "last": […]}; the globs choose in `last` only

Requests to `/_sandbox/` are never counted, limited or faulted.

A fault strikes requests whose `method` and `path` match its globs, with `writes` only those that change records: `times` of
them (1; null: until healed), after `skip` of them, with a `probability`, for the `lasts` seconds after it was armed, only
those that mention an `id`; or by a `script`, one word per request: `["500", "timeout_after", "ok"]`. Kinds that every
sandbox has:

    status           answer `status`, in the platform's own words
    rate_limit       answer 429, in the platform's own words (`policy` where it has several)
    html_502         an HTML page from an edge in between
    timeout_before   nothing happens, no answer: the connection is closed (after `hang` real seconds, 2 at most)
    timeout_after    it happens, no answer
    reset_mid_body   it happens, and the connection breaks within the answer
    slow             `seconds` pass on the sandbox's clock first (`real` seconds, 2 at most)

Kinds that platforms share, where they have them; those marked * are conditions, which last until healed:

    edit_before_write   `values` are written by a person onto the same record an instant before the write lands
    partial_batch       every other row of a batch fails
    expired_token       the token is no longer good
    normalise *         `field` is stored as `how` makes it: upper, lower, title, strip, truncate (to `length`)
    drop_field *        `field` is gone from answers and descriptions, as if a scope were lost
    index_lag *         search runs `seconds` later than it does already
    late_commit *       what is written shows `seconds` later, under its earlier time
    duplicate_hooks *   some webhook events come twice
    reorder_hooks *     webhook events come in any order
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from stagebridge.sandbox.faults import Fault, normalised
from stagebridge.sandbox.kit import Answer, Call, Kit, Platform, Switch
from stagebridge.sandbox.limits import Daily, Windows
from stagebridge.sandbox.remote import RemoteClock

if TYPE_CHECKING:
    from stagebridge.sandbox.app import App
    from stagebridge.sandbox.server import Sandbox, platforms, serve

__all__ = [
    "Answer", "App", "Call", "Daily", "Fault", "Kit", "Platform", "RemoteClock", "Sandbox", "Switch", "Windows", "normalised", "platforms",
    "serve",
]  # fmt: skip

_HOMES = {"App": "app", "Sandbox": "server", "platforms": "server", "serve": "server"}
"""A server is loaded where one runs: whoever only shares its clock needs none."""


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"stagebridge.sandbox.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'stagebridge.sandbox' has no attribute '{name}'")

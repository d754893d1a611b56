"""Stateful stand-ins of platforms, for tests, demos and trying things out without an account.

    with Sandbox("hubspot", clock=clock) as hs:
        hs.seed([{"email": "ada@example.com"}])
        connector = HubSpot(token="pat-any", base_url=hs.url)

Every sandbox speaks the same side protocol over HTTP, so that anything can be tested from outside:

    POST /_sandbox/reset    {}                          everything as it was at the start
    POST /_sandbox/seed     {…}                         what the platform's own documentation says
    POST /_sandbox/fault    {"kind": "timeout_after", "method": "POST", "path": "*batch*", "times": 1}
    POST /_sandbox/clock    {"advance": 60}             move its clock (seconds)
    GET  /_sandbox/state                                what the platform holds now
    GET  /_sandbox/requests                             what came in: {"count", "by_route", "last": […]}

Requests to `/_sandbox/` are never counted, limited or faulted.
"""

from stagebridge.sandbox.kit import Answer, Call, Fault, Kit, Platform, Switch, Windows
from stagebridge.sandbox.server import Sandbox, platforms, serve

__all__ = ["Answer", "Call", "Fault", "Kit", "Platform", "Sandbox", "Switch", "Windows", "platforms", "serve"]

"""A stand-in for the part of Make that our users have: webhooks, the scenarios behind them, and the API that makes webhooks.

Written from Make's public documentation; nothing was tried against Make. Where a source is weak, a switch says so: `[D]` is Make's
own page, `[S]` its own code, `[M]` memory.
"""

from stagebridge_make.sandbox.platform import MakeSandbox

create = MakeSandbox

__all__ = ["MakeSandbox", "create"]

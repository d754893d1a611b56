"""A stand-in of hooks.zapier.com, and a Zap that calls our API as one made with the app does.

Written from public documentation, in part from memory; nothing was tried against Zapier itself. Where a source is weak, a
switch says so: `[D]` is Zapier's own page, `[S]` Zapier's own code, `[3]` a third party, `[M]` memory.
"""

from stagebridge_zapier.sandbox.platform import ZapierSandbox
from stagebridge_zapier.sandbox.zap import Zap

create = ZapierSandbox

__all__ = ["Zap", "ZapierSandbox", "create"]

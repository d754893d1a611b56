"""A stand-in for one Omnisend brand: contacts with their channels, tags, batches and custom events of the dated API.

Written from public documentation and specifications; nothing was tried against the real endpoint. Where a source is weak, a
switch says so: `[S]` is Omnisend's own specification of 2026-03-15, `[3]` that of its older v3, `[D]` a page of its
documentation, `[M]` an assumption of ours.
"""

from stagebridge_omnisend.sandbox.platform import OmnisendSandbox

create = OmnisendSandbox

__all__ = ["OmnisendSandbox", "create"]

"""A stand-in for one TikTok ads account: the Events API 2.0, CRM event sets, and lead webhooks with their subscriptions.

Written from public documentation, in part from what third parties report; nothing was tried against the real endpoint. Where a
source is weak, a switch says so: `[D]` is TikTok's own page, `[S]` TikTok's own code, `[3]` a third party's code or
write-up, `[M]` memory.
"""

from stagebridge_tiktok.sandbox.platform import TikTokSandbox

create = TikTokSandbox

__all__ = ["TikTokSandbox", "create"]

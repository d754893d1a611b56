"""A stand-in for one Zendesk Support account, written from the platform's documentation and recorded answers.

Nothing was tried against the real endpoint. What its documentation does not say is a switch, or marked `[M]` where it is from
memory; nobody may rely on the wording of such a text.
"""

from stagebridge_zendesk.sandbox.platform import ZendeskSandbox

create = ZendeskSandbox

__all__ = ["ZendeskSandbox", "create"]

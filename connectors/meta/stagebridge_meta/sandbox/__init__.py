"""A stand-in for Meta's Graph: the Conversions API, lead ads and what is asked around them."""

from stagebridge_meta.sandbox.platform import MetaSandbox

create = MetaSandbox

__all__ = ["MetaSandbox", "create"]

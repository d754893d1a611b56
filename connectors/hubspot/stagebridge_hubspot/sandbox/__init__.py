"""A stand-in for one HubSpot account, written from the platform's documentation and recorded answers."""

from stagebridge_hubspot.sandbox.platform import HubSpotSandbox

create = HubSpotSandbox

__all__ = ["HubSpotSandbox", "create"]

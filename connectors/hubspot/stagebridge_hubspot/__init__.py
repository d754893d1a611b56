"""The stagebridge connector for HubSpot."""

from stagebridge_hubspot.connector import HubSpot
from stagebridge_hubspot.settings import HubSpotSettings

__all__ = ["HubSpot", "HubSpotSettings"]

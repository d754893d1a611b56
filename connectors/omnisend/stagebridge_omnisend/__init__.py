"""The stagebridge connector for Omnisend."""

from stagebridge_omnisend.connector import Omnisend
from stagebridge_omnisend.settings import OmnisendSettings

__all__ = ["Omnisend", "OmnisendSettings"]

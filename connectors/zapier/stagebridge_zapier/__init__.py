"""The stagebridge connector for Zapier: messages to Zaps, and Zaps that hand in people and conversions.

zapier = Zapier(catch_hook="https://hooks.zapier.com/hooks/catch/…")
zapier.endpoint()
"""

from stagebridge_zapier.connector import Zapier
from stagebridge_zapier.settings import ZapierSettings

__all__ = ["Zapier", "ZapierSettings"]

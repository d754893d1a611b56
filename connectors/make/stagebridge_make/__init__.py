"""The stagebridge connector for Make: messages to its webhooks, and people and conversions from its scenarios."""

from stagebridge_make.connector import Make
from stagebridge_make.settings import MakeSettings

__all__ = ["Make", "MakeSettings"]

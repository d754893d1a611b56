"""The stagebridge connector for Meta's Conversions API and lead ads."""

from stagebridge_meta.connector import Meta
from stagebridge_meta.settings import MetaSettings

__all__ = ["Meta", "MetaSettings"]

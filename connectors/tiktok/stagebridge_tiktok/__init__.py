"""The stagebridge connector for TikTok: the Events API and lead webhooks."""

from stagebridge_tiktok.connector import TikTok
from stagebridge_tiktok.settings import Ages, TikTokSettings

__all__ = ["Ages", "TikTok", "TikTokSettings"]

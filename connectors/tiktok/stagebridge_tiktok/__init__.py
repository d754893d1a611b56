"""The stagebridge connector for TikTok: the Events API and lead webhooks."""

__all__: list[str] = []

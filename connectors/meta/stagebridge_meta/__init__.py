"""The stagebridge connector for Meta's Conversions API and lead ads."""

__all__: list[str] = []

"""The stagebridge connector for Zendesk."""

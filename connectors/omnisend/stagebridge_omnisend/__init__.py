"""The stagebridge connector for Omnisend."""

"""The stagebridge connector for HubSpot."""

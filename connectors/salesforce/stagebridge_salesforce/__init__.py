"""The stagebridge connector for Salesforce."""

"""The engine: pull, identify, merge, plan, push."""

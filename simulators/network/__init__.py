"""A bad network between the agent and its broker: an in-process TCP proxy with toxics."""

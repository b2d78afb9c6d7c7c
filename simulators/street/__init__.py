"""A street with a crossing: people, vehicles and weather, sensors that see them and speak their true bytes, lamps that draw current."""

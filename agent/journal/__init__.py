"""The agent's durable journal: signed events wait here, in order, until the center's signed receipt settles them."""

"""One board at the end of a cable: found, filled, given its identity, and heard from."""

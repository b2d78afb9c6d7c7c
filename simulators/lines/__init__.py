"""Serial lines below unmodified drivers: pace and faults of a wire, its end as a pseudo-terminal, Modbus units on it."""

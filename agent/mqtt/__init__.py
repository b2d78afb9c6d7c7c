"""MQTT 3.1.1 and 5, the client's side, without I/O: the same code on Linux devices and on boards."""

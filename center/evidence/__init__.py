"""Evidence: recordings taken from devices, kept, verified without any server, looked at, and handed out."""

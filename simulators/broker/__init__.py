"""A real broker as a child process: mutual TLS, one rule of access for each role, messages kept on disk."""

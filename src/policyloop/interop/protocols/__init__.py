"""Protocols of other systems: each file has a list `ENDPOINTS`, which the server mounts beside its own."""

"""Bytes at rest: objects (models, tables) and records (who serves, what ran, what was decided about it)."""

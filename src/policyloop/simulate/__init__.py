"""Worlds with known truth: what would have happened had we decided."""

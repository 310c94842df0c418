"""Loops with episodes: their histories, the training runs of them, and the looks that count whole episodes."""

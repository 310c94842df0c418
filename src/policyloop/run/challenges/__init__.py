"""Challenges of recipes: which to begin one with, how long it would take, how it goes on; and where any challenge stands."""

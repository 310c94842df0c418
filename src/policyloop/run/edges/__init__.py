"""Deciders away from their server: the folders they keep, the models they fetch, and the way of their events home."""

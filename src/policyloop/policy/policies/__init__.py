"""Policies: each kind of reward model that can be saved and served. One file is one plug-in, named by its file."""

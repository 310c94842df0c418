"""Learners: each learns expected rewards from examples. One file is one plug-in, named by its file."""

"""Explorers: each turns expected rewards into a probability per action. One file is one plug-in, named by its file."""

"""Histories: episodes in the files of other systems, in and out. One file is one plug-in, named by its file."""

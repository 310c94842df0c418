"""Models: the files that a network can leave in, for other programs to run. One file is one plug-in, named by its file."""

"""The family of environments: one file is a whole plug-in with `create(**settings)`, found by its file name."""

"""The commands: each file is one, named by its file name; `import_` is `import`, and `run` (or `app`, for several) is it."""

"""File formats: each file has `read(path, spec, policy=..., outcome=...)`, which yields rows for `import_rows`."""

"""Where jobs run: one file, one place."""

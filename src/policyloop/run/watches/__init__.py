"""What is asked of a loop whenever decisions have settled, and what such a look may rest on."""

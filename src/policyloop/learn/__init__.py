"""6. Examples in, a model out."""

"""Examples in, a model out. FAMILY learners/."""

"""Family: ways to tell how far the mean of contributions may be from the truth; one file each, with `interval(...)`."""

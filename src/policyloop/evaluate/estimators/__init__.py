"""Family: ways to estimate a policy's value from examples that other policies logged; one file each."""

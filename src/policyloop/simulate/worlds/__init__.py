"""Family: worlds in which the gate is played; one file each, with `create(*, lift, canary, rng)`."""

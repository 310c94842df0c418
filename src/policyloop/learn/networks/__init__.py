"""Networks in JAX that learners of episodes share: layers, optimiser, rows on the device, and the run of many updates at once.

A method (td3.py, soft.py, ...) says what one update is; learner.py makes an `EpisodeLearner` of it, population.py many at
once. Nothing here is imported before a learner is named that needs it: JAX is the extra `rl`.
"""

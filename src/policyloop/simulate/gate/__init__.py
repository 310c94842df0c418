"""The gate played in worlds whose truth is known: how often it promotes what is better, and what is not."""

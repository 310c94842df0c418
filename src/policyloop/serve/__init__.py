"""Context to decision: the live policy, read once, decides; the baseline stands in and says so. Never waits for learning."""

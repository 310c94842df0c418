"""Stage 9: models and verdicts -> the champion. What holds now, what held before, and why."""

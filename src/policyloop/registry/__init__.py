"""Models and verdicts to the champion: what holds now, what held before, and why."""

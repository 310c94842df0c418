"""Policy and examples to estimates of what the policy would have earned. FAMILY estimators/."""

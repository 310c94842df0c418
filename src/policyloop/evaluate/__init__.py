"""Stage 7: policy and logs -> estimates of what the policy would have earned."""

"""The whole house looked after: checked, repaired, backed up, cleaned."""

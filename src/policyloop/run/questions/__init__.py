"""What a person asks of what was logged and learned: no answer changes what decides."""

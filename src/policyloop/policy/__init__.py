"""5. Context and actions in, a probability per action out."""

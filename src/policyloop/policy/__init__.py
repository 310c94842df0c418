"""Context and actions in, a probability per action out. FAMILIES policies/ and explorers/."""

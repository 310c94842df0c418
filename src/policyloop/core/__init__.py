"""The nouns that all stages share; imports nothing of ours."""

"""How the records database came to its present schema, one file a step."""

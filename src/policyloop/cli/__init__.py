"""Commands for people and scripts; FAMILY commands/ has one file per command."""

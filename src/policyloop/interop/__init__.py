"""Formats and protocols of other systems, in and out; translated here and nowhere else. FAMILIES formats/ and protocols/."""

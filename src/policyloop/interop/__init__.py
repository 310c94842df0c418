"""Formats and protocols of other systems, in and out; adapters translate here and nowhere else. FAMILY formats/."""

"""Decisions and outcomes in, examples out: a pure function of the set of events and the watermark."""

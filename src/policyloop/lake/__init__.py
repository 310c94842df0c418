"""Sealed segments in, tables with snapshots out: what came is filed once, by loop and by the hour of its decision."""

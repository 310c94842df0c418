"""The demo: the whole loop on real data, played by a client application over real HTTP."""

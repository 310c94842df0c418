"""Checks of the log, one question a file; `gate/logcheck.py` asks them all and carries what they remember."""

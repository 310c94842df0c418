"""Personalizer: the endpoint of a service that was switched off, translated; the rows are in protocols/personalizer.py."""

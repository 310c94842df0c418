"""The deployment in this process that tests here work on, and a loop whose time a test sets."""

from in_process import clinic, deployment, shop

__all__ = ["clinic", "deployment", "shop"]

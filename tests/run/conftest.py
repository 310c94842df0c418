"""The deployment in this process that tests here work on."""

from in_process import clinic, deployment, shop

__all__ = ["clinic", "deployment", "shop"]

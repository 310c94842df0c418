"""The deployment in this process that tests here work on."""

from in_process import deployment, shop

__all__ = ["deployment", "shop"]

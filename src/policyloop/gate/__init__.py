"""Estimates to a verdict: decides whether a model may go live, and whether one that is live may stay."""

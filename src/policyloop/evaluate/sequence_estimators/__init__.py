"""The family of estimators of sequences: what would a policy have earned in whole episodes? One file is a whole plug-in."""

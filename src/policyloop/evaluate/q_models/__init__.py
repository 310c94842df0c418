"""The family of models of the return: what to expect of an action in a state, if the target policy goes on from there."""

"""Lineage: from which models a model comes, and the line of models that it belongs to.

Question answered: which models were champion when this one, its parent, its parent's parent ... were trained? A parent
lends nothing but its place: each model is learned from examples, from scratch.
"""

from __future__ import annotations

from collections.abc import Sequence

from policyloop.core.errors import UnknownModel
from policyloop.registry.model_rows import ModelRow


def ancestors(models: Sequence[ModelRow], model: str) -> list[ModelRow]:
    """The model, its parent, its parent's parent and so on to the first of its line.

    Args:
        models: of one loop, in any order.
        model: digest.

    Raises:
        UnknownModel: it is not among them.
    """
    row_of = {row.model: row for row in models}
    if model not in row_of:
        raise UnknownModel(models[0].loop if models else "", model)
    line = [row_of[model]]
    while line[-1].parent in row_of:
        line.append(row_of[line[-1].parent])
    return line


def children(models: Sequence[ModelRow], model: str) -> list[ModelRow]:
    """The models that were trained while it was champion, oldest first."""
    return sorted((row for row in models if row.parent == model), key=lambda row: (row.created_at, row.model))

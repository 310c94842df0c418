"""A loop: one named decision problem, written as one YAML file. This is the spec, the noun that everything hangs on.

A spec is immutable and named by its content; events name the spec they were made under. `core/spec_file.py` reads
and checks the YAML, this file says what a spec *is*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from policyloop.core.expression import Expression

FieldType = Literal["number", "integer", "boolean", "category", "text", "array", "tensor", "json"]
Store = Literal["yes", "hash", "never"]
Take = Literal["sum", "max", "min", "first", "last", "mean", "count"]
Close = Literal["window", "final"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One declared part of the context."""

    name: str
    type: FieldType
    min: float | None = None  # number, integer: bounds, inclusive
    max: float | None = None
    values: tuple[str, ...] | None = None  # category: the known values; None: any string, hashed
    items: Literal["number", "category"] | None = None  # array: what it holds
    max_items: int | None = None  # array: at most so many
    max_fields: int | None = None  # json: at most so many values, however nested
    shape: tuple[int, ...] | None = None  # tensor: its dimensions
    dtype: Literal["float32", "uint8"] | None = None  # tensor: what its numbers are kept as
    optional: bool = False  # missing is a value of its own
    default: Any = None  # filled in where the caller leaves the field out
    store: Store = "yes"  # `hash`: strings are stored hashed; `never`: kept out of log and tables
    learn: bool = True  # False: it is logged, but no model learns from it


@dataclass(frozen=True, kw_only=True, slots=True)
class BoxPart:
    """One number of an action, and between which bounds it lies."""

    name: str
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledPart:
    """One labelled choice of a `tuple` action."""

    name: str
    labels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ActionSpec:
    """What may be chosen.

    `discrete`: one of several labels. `candidates`: one of those that the caller brings along. `continuous`: a list of
    numbers, each between bounds. `tuple`: labelled choices and numbers at once.
    """

    kind: Literal["discrete", "candidates", "continuous", "tuple"]
    labels: tuple[str, ...] = ()  # discrete: the actions, in order
    features: Mapping[str, Field] = field(default_factory=dict)  # candidates: what is known of each, in order
    ids: tuple[str, ...] = ()  # candidates: those known ahead, which learn weights of their own
    max: int = 0  # candidates: at most so many in one decision
    box: tuple[BoxPart, ...] = ()  # continuous, tuple: the numbers, in order
    choices: tuple[LabelledPart, ...] = ()  # tuple: the labelled parts, in order


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitSpec:
    """What one number of an action may be for safety's sake, whatever a policy wants; applied before it is logged."""

    name: str  # of the part of the box
    low: float | None = None
    high: float | None = None
    max_change: float | None = None  # from one step of an episode to the next, in the number's own unit


@dataclass(frozen=True, kw_only=True, slots=True)
class EpisodeSpec:
    """That decisions belong to episodes, and what a history calls their columns."""

    id: str = "episode_id"  # column of a history that names the episode
    step: str = "step"  # column of a history that counts its steps
    discount: float = 0.99  # [0, 1]
    max_steps: int | None = None  # an episode of so many steps is truncated, whether or not anybody says so


@dataclass(frozen=True, kw_only=True, slots=True)
class OutcomeSpec:
    """One declared outcome, and how several reports of it become one number."""

    name: str
    type: Literal["number", "boolean"] = "number"
    min: float | None = None
    max: float | None = None
    take: Take = "sum"
    missing: float = 0.0  # its value when other outcomes came and this one did not (sum and count: always 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardSpec:
    """How outcomes become the number that the loop learns to raise."""

    expression: Expression
    low: float  # the computed reward is clipped to [low, high]
    high: float
    window_s: float  # how long a decision waits for what happens
    close: Close = "window"
    default: float = 0.0  # the reward of a decision without any outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class PluginSpec:
    """A plug-in by name, with its own settings."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ExploreSpec:
    """Explorer and floor; the floor is total mass, shared evenly by the allowed actions."""

    name: str = "squarecb"
    floor: float = 0.02  # [0, 1]
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainSpec:
    """When a refresh is trained, and from what."""

    every_examples: int | None = 500  # so many new examples ...
    every_episodes: int | None = None  # the same for loops with episodes
    every_s: float | None = 4 * 3600.0  # ... or so long, whichever is first
    cron: str | None = None  # instead of both: five fields, UTC
    window_s: float | None = 90 * 86_400.0  # older examples are left out; None: never
    half_life_s: float | None = None  # an example's weight halves in so long; None: never
    max_runtime_s: float = 2 * 3600.0
    retries: int = 2
    split: float = 0.8  # share of decisions learned from; the rest is for evaluation only


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardSpec:
    """A further number that a challenger must not make worse: a declared outcome, or a reserved name with `$`."""

    name: str  # an outcome, `$errors` (share of decisions it failed), `$latency_ms` or `$action_share`
    margin: float  # by so much it may be worse, in the outcome's own unit
    alpha: float = 0.05  # chance that a challenger which is worse by the margin or more passes, in (0, .5)
    better: Literal["higher", "lower"] = "higher"
    stop: float | None = None  # worse than the champion by more than this on average: the challenge ends, without statistics
    low: float = 0.0  # values are clipped to [low, high]
    high: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class GateSpec:
    """What a refresh and a challenge must pass, and how much traffic a challenge gets."""

    refresh: PluginSpec = field(default_factory=lambda: PluginSpec(name="no-harm"))
    challenge: PluginSpec = field(default_factory=lambda: PluginSpec(name="proven-better"))
    canary: float = 0.1  # the challenger's share of the decisions while it has to prove itself, (0, .5]
    ramp: float = 0.5  # its share after that, before it decides alone
    hold_out: float = 0.0  # share of all decisions that the baseline keeps for good, [0, .5]
    sticky: bool = False  # one subject stays on one side for the length of a state
    approval: Literal["automatic", "manual"] = "automatic"
    guards: tuple[GuardSpec, ...] = ()
    slices: tuple[str, ...] = ()  # fields of the context: harm in any one of their values blocks a challenge


@dataclass(frozen=True, kw_only=True, slots=True)
class LoopSpec:
    """The whole of a loop's YAML, checked and with every default filled in."""

    loop: str
    context: Mapping[str, Field]  # order is the order of the feature vector
    actions: ActionSpec
    outcomes: Mapping[str, OutcomeSpec]
    reward: RewardSpec
    baseline: str  # a label, `first` or `uniform`; of actions with numbers `middle`, `uniform` or `values`
    baseline_values: Mapping[str, str | float] = field(default_factory=dict)  # of `values`: one for every part of an action
    learner: PluginSpec = field(default_factory=lambda: PluginSpec(name="linear"))
    explore: ExploreSpec = field(default_factory=ExploreSpec)
    train: TrainSpec = field(default_factory=TrainSpec)
    gate: GateSpec = field(default_factory=GateSpec)
    limits: tuple[LimitSpec, ...] = ()  # of the numbers of an action; none: their bounds alone
    episodes: EpisodeSpec | None = None  # None: decisions are alone, nothing comes next
    on_log_failure: Literal["refuse", "serve-baseline"] = "refuse"
    subject: str | None = None  # the field that names the person; kept as a keyed hash, never a feature
    aliases: tuple[str, ...] = ()
    public_models: bool = False  # anybody may download its models, without a key and from any page
    digest: str = ""  # content address of the canonical form
    recipe: str = ""  # content address of the part that makes models: context, actions, reward, outcomes, learner, explore

    @property
    def labels(self) -> tuple[str, ...]:
        """The actions, in order; none where the caller brings them along."""
        return self.actions.labels

    @property
    def is_candidates(self) -> bool:
        """Whether the caller brings the actions along."""
        return self.actions.kind == "candidates"

    @property
    def learns_from(self) -> Literal["example", "transition"]:
        """What a decision becomes, that a model learns from."""
        return "example" if self.episodes is None else "transition"

    @property
    def has_box(self) -> bool:
        """Whether an action has numbers."""
        return bool(self.actions.box)

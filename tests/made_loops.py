"""Loop files with episodes, for the histories of `made_history`."""

CORRIDOR = """\
loop: corridor
context: {place: {type: number, min: 0, max: 1}}
actions: {kind: continuous, box: {move: {min: -0.2, max: 0.2}}}
episodes: {discount: 0.95, max_steps: 20}
outcomes: {}
reward: {expression: "1 - abs(next.place - 0.7)", range: [0, 1]}
baseline: middle
learner: {name: fqi, n_trees: 10, updates: 4, checkpoint_every: 1}
explore: {name: greedy, floor: 0}
train: {every: 20 episodes, split: 0.75}
"""
LADDER = """\
loop: ladder
context: {rung: {type: number, min: 0, max: 4}}
actions: {kind: discrete, labels: [down, up]}
episodes: {discount: 0.9, max_steps: 8}
outcomes: {}
reward: {expression: "action * (rung > 3.5) + 0.1 * (1 - action)", range: [0, 1]}
baseline: uniform
learner: {name: fqi, n_trees: 10, updates: 4, checkpoint_every: 1}
explore: {name: epsilon_greedy, floor: 0.1}
train: {every: 20 episodes, split: 0.75}
"""

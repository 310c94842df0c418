"""How a report looks: one style sheet, in light and dark, wide and narrow, and on paper."""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root { color-scheme: light dark; --page: #f6f7f9; --card: #ffffff; --ink: #17202b; --soft: #55616f; --rule: #dfe4ea;
  --accent: #1764b0; --mark: #a35b00; --bad: #b3261e; --good: #1c7a4a; --reign-1: #c9dcf0; --reign-2: #a9c7e6;
  --reign-0: #e3e6ea; --a0: #2b6cb0; --a1: #dd8a2e; --a2: #2c9c82; --a3: #c0507f; --a4: #7d62c4; --a5: #a58a2c; --a6: #57abd6;
  --a7: #b4553c; --a8: #6f8f2b; --a9: #8d6e5c; --a10: #a3acb6; }
@media (prefers-color-scheme: dark) { :root { --page: #0f141a; --card: #18202a; --ink: #e8edf3; --soft: #a3b0be;
  --rule: #2c3743; --accent: #6cb2f5; --mark: #f0a94a; --bad: #ff8a80; --good: #6fd3a0;
  --reign-1: #27486b; --reign-2: #1d3753;
  --reign-0: #2c343e; --a0: #5b9fe0; --a1: #eba04d; --a2: #45bfa2; --a3: #de7ba5; --a4: #a58fe6; --a5: #c9ad4e; --a6: #86cbee;
  --a7: #d9805f; --a8: #9bbd55; --a9: #b3937f; --a10: #76818d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 0 0 .2rem; }
p { margin: .3rem 0; } .soft, caption { color: var(--soft); } small, caption { font-size: .85rem; }
section, .tile { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; }
section { padding: 1rem 1.1rem; margin: 1rem 0; }
.tiles { display: grid; grid-template-columns: repeat(6, 1fr); gap: .7rem; margin: 1.1rem 0; padding: 0; }
.tile { padding: .7rem .8rem; margin: 0; }
.tile dt { color: var(--soft); font-size: .85rem; }
.tile dd { margin: 0; } .tile .figure { font-size: 1.2rem; font-weight: 650; line-height: 1.25; overflow-wrap: anywhere; }
.tile .about { color: var(--soft); font-size: .82rem; line-height: 1.35; }
.alarms { border-color: var(--bad); } .alarms h2 { color: var(--bad); } .alarms ul { margin: .3rem 0; padding-left: 1.2rem; }
.well { color: var(--good); }
svg { display: block; width: 100%; height: auto; margin: .6rem 0; }
svg text { fill: var(--soft); font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; }
svg.narrow { display: none; } .halo { paint-order: stroke; stroke: var(--card); stroke-width: 4px; }
.grid { stroke: var(--rule); } .tick { stroke: var(--soft); }
.line { fill: none; stroke: var(--accent); stroke-width: 2; stroke-linejoin: round; } .dot { fill: var(--accent); }
.band { fill: var(--accent); opacity: .17; } .whisker { stroke: var(--accent); opacity: .4; stroke-width: 2; }
.bar { fill: var(--accent); opacity: .75; } .spot { fill: transparent; } .spot:hover { fill: var(--ink); opacity: .07; }
.change { stroke: var(--mark); stroke-dasharray: 3 3; }
.change.back { stroke: var(--bad); stroke-dasharray: none; stroke-width: 2; }
.reign.odd { fill: var(--reign-1); } .reign.even { fill: var(--reign-2); } .reign.base { fill: var(--reign-0); }
svg .reign-name { fill: var(--ink); font-size: 11px; }
.a0 { --c: var(--a0); } .a1 { --c: var(--a1); } .a2 { --c: var(--a2); } .a3 { --c: var(--a3); } .a4 { --c: var(--a4); }
.a5 { --c: var(--a5); } .a6 { --c: var(--a6); } .a7 { --c: var(--a7); } .a8 { --c: var(--a8); } .a9 { --c: var(--a9); }
.a10 { --c: var(--a10); } rect[class^="a"] { fill: var(--c); }
.panels { display: grid; grid-template-columns: repeat(2, 1fr); gap: .4rem 1rem; } figure { margin: 0; }
figcaption { color: var(--soft); font-size: .85rem; } .curve { fill: none; stroke: var(--c); stroke-width: 1.6; }
.chosen { fill: var(--c); stroke: var(--card); } .film { max-width: 100%; border-radius: 6px; }
.split { height: 1.1rem; border-radius: 4px; overflow: hidden; }
.swatch { display: inline-block; width: .75rem; height: .75rem; border-radius: 3px; margin-right: .45rem; }
.swatch { background: var(--c); }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; list-style: none; margin: .4rem 0; padding: 0; font-size: .9rem; }
.legend li { overflow-wrap: anywhere; }
.key { display: inline-block; width: 1.3rem; border-top: 2px solid var(--accent); vertical-align: middle; margin-right: .4rem; }
.key.area { border: 0; height: .75rem; background: var(--accent); opacity: .25; }
.key.change { border-top: 2px dashed var(--mark); } .key.back { border-top: 2px solid var(--bad); }
.timeline { list-style: none; margin: .4rem 0; padding: 0; font-size: .92rem; }
.timeline li { padding: .35rem 0; border-bottom: 1px solid var(--rule); overflow-wrap: anywhere; }
.when { color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; margin-right: .5rem; }
.ill { color: var(--bad); }
.scroll { overflow-x: auto; }
.scroll:focus-visible, summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; } caption { text-align: left; padding-bottom: .3rem; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
th:last-child, td:last-child { padding-right: 0; } tbody th { min-width: 8rem; } td { min-width: 4.5rem; }
td:not(.n) { min-width: 9rem; } .t { white-space: nowrap; }
th { font-weight: 600; color: var(--soft); } tbody th { color: inherit; font-weight: 400; overflow-wrap: anywhere; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } code { font: .88em ui-monospace, monospace; }
details { margin-top: .6rem; } summary { cursor: pointer; color: var(--accent); }
footer { color: var(--soft); font-size: .85rem; margin-top: 1.5rem; }
@media (max-width: 58rem) { .tiles { grid-template-columns: repeat(3, 1fr); } }
@media (max-width: 46rem) { .panels { grid-template-columns: 1fr; } }
@media (max-width: 46rem) { svg.wide { display: none; } svg.narrow { display: block; } main { padding: 1rem .7rem 2rem; }
  section { padding: .9rem .8rem; } .tiles { grid-template-columns: repeat(2, 1fr); } .tile .figure { font-size: 1.25rem; } }
@media print { body { background: none; } section, .tile { break-inside: avoid; } }
"""

_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"

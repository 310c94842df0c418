"""A decision looked up by its id: the index names its hour, the hour's rows have it.

Question answered: what was logged under this id?
"""

from __future__ import annotations

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from policyloop.core.event import Decision
from policyloop.lake import place
from policyloop.lake.schema import DECISIONS
from policyloop.lake.tables import Lake, in_hours
from policyloop.lake.views import first_decisions, twins_of
from policyloop.storage.records import Records

_JSON_COLUMNS = ("density", "extra")


def find_decision(lake: Lake, records: Records, loop: str, decision_id: str) -> Decision | None:
    """The decision of that id whose record counts, as it was logged; None when the tables have none."""
    hours = place.hours_of(records, [(loop, decision_id)])
    if not hours or not lake.exists(DECISIONS):
        return None
    rows = lake.rows(DECISIONS, where=in_hours(loop, *hours.values()))
    rows = rows.filter(pc.equal(rows["decision_id"], decision_id))
    if rows.num_rows == 0:
        return None
    first = first_decisions(rows, twins_of(rows))
    is_first = pc.and_(pc.equal(rows["writer"], first["writer"][0]), pc.equal(rows["seq"], first["seq"][0]))
    return _event_of(rows.filter(is_first).slice(0, 1))


def _event_of(row: pa.Table) -> Decision:
    """The event that a row was made of."""
    values = row.cast(_with_whole_times(row.schema)).to_pylist()[0]
    for name in _JSON_COLUMNS:
        if values[name] is not None:
            values[name] = msgspec.json.decode(values[name])
    if values["mixture"] is not None:
        values["mixture"] = [(part["policy"], part["share"]) for part in values["mixture"]]
    return Decision(**{name: values[name] for name in Decision.__struct_fields__})


def _with_whole_times(schema: pa.Schema) -> pa.Schema:
    """The schema with times as whole microseconds."""
    return pa.schema([pa.field(f.name, pa.int64() if pa.types.is_timestamp(f.type) else f.type) for f in schema])

"""A lake that breaks at its n-th writing call, before the call does anything or just after it."""

from policyloop.lake.tables import Lake


class Fault(Exception):
    """The power goes."""


class FragileLake(Lake):
    """The tables, until they break once."""

    def __init__(self, place, *, breaks_at, after):
        super().__init__(place)
        self.calls, self.breaks_at, self.after = 0, breaks_at, after

    def _around(self, call):
        self.calls += 1
        is_now = self.calls == self.breaks_at
        if is_now and not self.after:
            raise Fault
        call()
        if is_now:
            raise Fault

    def commit(self, handle, rows, *, segments=None):
        self._around(lambda: super(FragileLake, self).commit(handle, rows, segments=segments))

    def replace(self, table, rows, *, where):
        self._around(lambda: super(FragileLake, self).replace(table, rows, where=where))

    def remove(self, table, *, where):
        self._around(lambda: super(FragileLake, self).remove(table, where=where))

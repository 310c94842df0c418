"""Try the webhook, see what was told, and make a secret to sign with."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from policyloop.cli.options import AsJson, HomeFolder
from policyloop.cli.project import open_project, settings_of
from policyloop.cli.screen import write_json, write_note, write_table
from policyloop.cli.words import age, counted
from policyloop.core.clock import SystemClock
from policyloop.core.errors import NothingToDo
from policyloop.core.rng import uuid7
from policyloop.registry import notice_rows
from policyloop.registry.notice_rows import NoticeRow
from policyloop.run.notices.webhook import new_secret, receiver_of

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None, help=__doc__)


@app.callback()
def _notify() -> None:
    """Try the webhook, see what was told, and make a secret to sign with. `notify:` in policyloop.yaml names the receiver."""


@app.command()
def test(
    loop: Annotated[str, typer.Option("--loop", help="What the notice says that it is about.")] = "test",
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Send one notice of type policyloop.test now, and say how it was taken."""
    receiver = receiver_of(settings_of(home))
    if receiver is None:
        raise NothingToDo("nobody is to be told: notify.url is empty; expected a receiver's URL in policyloop.yaml.")
    now_us = SystemClock().now_us()
    notice = NoticeRow(
        id=0,
        notice=uuid7(now_us),
        loop=loop,
        kind="test",
        body='{"sentence":"This is a test; nothing happened."}',
        at=now_us,
        state="waiting",
        attempts=0,
        next_at=now_us,
        message=None,
        ended_at=None,
    )
    status = receiver.send(notice)
    if as_json:
        write_json({"notice": notice.notice, "status": status})
    else:
        typer.echo(f"{receiver.place.host} answered {status} to notice {notice.notice}.")


@app.command("list")
def list_(
    loop: Annotated[str | None, typer.Option("--loop", help="Of one loop; of all by default.", show_default=False)] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 30,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show what was told, or waits to be, newest first, and how the last attempt ended."""
    with open_project(home) as deployment:
        with deployment.records.read() as connection:
            rows = notice_rows.newest(connection, limit=limit, loop=loop)
        now_us = deployment.clock.now_us()
    if as_json:
        write_json(rows)
        return
    if settings_of(home)["notify.url"] == "":
        write_note("note: notify.url is empty, so nobody is told.")
    cells = [(age(row.at, now_us), row.loop, row.kind, row.state, row.attempts, row.message) for row in rows]
    write_table(("happened", "loop", "what", "state", "attempts", "last attempt"), cells)


@app.command()
def retry(home: HomeFolder = None) -> None:
    """Let every notice that was given up be tried again, from the first attempt on."""
    with open_project(home) as deployment, deployment.records.write() as connection:
        n = notice_rows.try_again(connection, now_us=deployment.clock.now_us())
    typer.echo(f"{counted(n, 'notice')} {'waits' if n == 1 else 'wait'} again; the worker sends {'it' if n == 1 else 'them'}.")


@app.command()
def secret() -> None:
    """Print a new secret, for POLICYLOOP_NOTIFY__SECRET and for the receiver. It is kept nowhere."""
    sys.stdout.write(new_secret() + "\n")

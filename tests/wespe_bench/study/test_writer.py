from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from uuid import UUID

import pytest

from tests.wespe_bench.study.loops import in_a_loop
from tests.wespe_bench.study.studies import make_study
from wespe_bench.study import database
from wespe_bench.study.register import Refused, Register, Vote
from wespe_bench.study.votes import load_votes
from wespe_bench.study.writer import Writer

WORD = "w" * 32


def test_a_full_disk_acknowledges_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a failed commit held is refused, forgotten, and welcome again."""
    folder, study = make_study(tmp_path)
    opened: list[sqlite3.Connection] = []
    connect = database.connect
    monkeypatch.setattr(
        database, "connect", lambda *given: opened.append(connect(*given)) or opened[-1]
    )
    writer = Writer(folder, study)
    (connection,) = opened

    async def go() -> None:
        writer.start()
        await writer.run(lambda register: register.begin(WORD))
        turns = await writer.run(lambda register: register.rater(WORD).turns)
        first = study.questions[turns[0].question].id

        def cast(register: Register) -> int:
            position = register.cast(WORD, Vote(UUID(int=7), first, True, 5))
            register.begin("x" * 40_000)
            for other in range(200):
                register.begin(f"{other:040d}")
            return position

        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(Refused) as refused:
            await writer.run(cast)
        assert refused.value.status == 503
        assert "nothing was stored" in refused.value.reason
        assert await writer.run(lambda register: len(register.rater(WORD).answers)) == 0
        assert len(load_votes(folder)) == 0
        connection.execute("PRAGMA max_page_count = 100000")
        assert await writer.run(cast) == 1
        await asyncio.to_thread(writer.stop)

    in_a_loop(go())
    assert len(load_votes(folder)) == 1


def test_requests_of_one_batch_fail_alone(tmp_path: Path) -> None:
    folder, study = make_study(tmp_path)
    writer = Writer(folder, study)

    async def go() -> list[object]:
        writer.start()
        works = [lambda register, n=n: register.begin(f"{n:030d}") for n in range(50)]
        works[10:10] = [lambda register: register.rater("nobody")]
        answers = await asyncio.gather(*map(writer.run, works), return_exceptions=True)
        await asyncio.to_thread(writer.stop)
        return list(answers)

    answers = in_a_loop(go())
    assert isinstance(answers.pop(10), Refused)
    assert answers == [None] * 50
    assert database.count(folder) == 50

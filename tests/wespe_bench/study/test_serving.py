"""Starting, refusing, closing, killing: ``study serve`` as a process."""

from __future__ import annotations

import contextlib
import json
import stat
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import httpx
import pytest

from tests.conftest import Command
from tests.wespe_bench.study.studies import Person, make_study, served
from wespe_bench.errors import InputError
from wespe_bench.study import manifest, secret
from wespe_bench.study.votes import load_votes


def test_second_server_edited_study_and_close(verb: Command, tmp_path: Path) -> None:
    folder, study = make_study(tmp_path)
    with served(folder) as server, server.client() as client:
        person = Person(client).join()
        assert person.vote(0).status_code == 200
        result = verb("study", "serve", folder, "--port", "0")
        assert result.returncode == 2
        (line,) = result.stderr.splitlines()
        assert "is being served" in line
        with pytest.raises(InputError, match="is being served"):
            make_study(tmp_path)
        # Closed at once, by another process; what is there stays, what is sent again is known.
        number = str(uuid.uuid4())
        assert person.vote(1, vote=number).status_code == 200
        closed = verb("study", "close", folder)
        assert (closed.returncode, closed.stderr) == (0, "")
        assert "1 raters, 2 votes" in closed.stdout
        assert person.vote(2).status_code == 410
        assert person.vote(1, vote=number).json() == {"position": 2}
        assert client.post("/api/session", json={"token": ""}).status_code == 410
        assert person.look().session["closed"]
        assert verb("study", "close", folder, "--reopen").returncode == 0
        assert person.vote(2).status_code == 200
    assert server.process.returncode == 0
    with served(folder) as server, server.client() as client:
        resumed = Person(client, person.word).look()
        assert resumed.session["position"] == 3
    content = json.loads((folder / "study.json").read_text())
    del content["revision"]
    content["questions"].pop()
    content["revision"] = manifest.revision_of(content)
    (folder / "study.json").write_text(json.dumps(content))
    result = verb("study", "serve", folder, "--port", "0")
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert "edited after voting began (1 raters" in line
    manifest.write(folder, study)
    (folder / "votes.sqlite").write_bytes(b"x" * 5000)
    for suffix in ("-wal", "-shm"):
        (folder / f"votes.sqlite{suffix}").unlink(missing_ok=True)
    result = verb("study", "serve", folder, "--port", "0")
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert "cannot be used (file is not a database)" in line


def test_token(tmp_path: Path, verb: Command) -> None:
    folder, _ = make_study(tmp_path)
    token = "abcdefgh" * 3
    with served(folder, "--token", token) as server, server.client() as client:
        assert server.token == token
        assert stat.S_IMODE((folder / "admin.header").stat().st_mode) == 0o600
        for body in ({"token": ""}, {"token": f"{token[:-1]}i"}, {"token": "é"}, {}):
            answer = client.post("/api/session", json=body)
            assert answer.status_code == 403
            assert "in the link that study serve printed" in answer.text
        for told2 in ({"token": 1}, {"token": token, "name": "Ann"}, []):
            assert client.post("/api/session", json=told2).status_code == 400
        Person(client).join(token)
        where = httpx.URL(server.root)
        taken = verb("study", "serve", make_study(tmp_path / "2")[0], "--port", where.port)
        assert taken.returncode == 2
        (line,) = taken.stderr.splitlines()
        assert "choose another --port" in line
    assert not (folder / "admin.header").exists()
    drawn = secret.with_token(folder).token
    assert len(drawn) == 32
    assert secret.with_token(folder).token == drawn
    for bad in (["--token", "abcdefgh"], ["--port", "70000"], ["--host", "300.0.0.1"]):
        result = verb("study", "serve", folder, *bad)
        assert result.returncode == 2
        assert len(result.stderr.splitlines()) == 1
    empty = verb("study", "serve", tmp_path)
    assert empty.returncode == 2
    assert "no study here" in empty.stderr


@pytest.mark.parametrize(
    "kills", [pytest.param(3, marks=pytest.mark.slow), pytest.param(20, marks=pytest.mark.long)]
)
def test_killed_amid_votes(tmp_path: Path, kills: int) -> None:
    """Ten raters vote while the server is killed: what was acknowledged is there."""
    questions = 5 * kills
    folder, _ = make_study(tmp_path, questions=questions)
    acknowledged: Counter[tuple[str, int]] = Counter()
    words: list[str] = []
    for _ in range(kills):
        enough, wanted = Event(), sum(acknowledged.values()) + 34
        with served(folder) as server, server.client() as client:
            people = [Person(client, word).look() for word in words]
            people += [Person(client).join() for _ in range(10 - len(people))]
            words = [person.word for person in people]

            def go_on(person: Person, enough: Event = enough, wanted: int = wanted) -> None:
                with contextlib.suppress(httpx.TransportError):
                    for place in range(person.session["position"], questions):
                        if person.vote(place).status_code != 200:
                            break
                        acknowledged[person.word, place] += 1
                        if sum(acknowledged.values()) >= wanted:
                            enough.set()

            with ThreadPoolExecutor(10) as pool:
                running = [pool.submit(go_on, person) for person in people]
                enough.wait(60)
                server.kill()
                for future in running:
                    future.result()
        rows = load_votes(folder)
        stored = Counter(rows["rater"])
        counted = Counter(word for word, _ in acknowledged)
        assert sum(acknowledged.values()) > 0
        by_word = {word: stored[_shown(word)] for word in words}
        for word in words:
            # At most the one vote whose answer the kill cut off is there beyond them.
            assert counted[word] <= by_word[word] <= counted[word] + 1
            acknowledged.update({(word, p): 1 for p in range(counted[word], by_word[word])})
        assert not rows.duplicated(["rater", "question"]).any()
        assert all(
            of["position"].tolist() == list(range(1, len(of) + 1))
            for _, of in rows.groupby("rater")
        )
    print(f"study serve: {kills} kills, {len(rows)} votes; none lost, none twice")


def _shown(word: str) -> str:
    from wespe_bench.study.database import key_of

    return key_of(word)[:16]


def test_twenty_raters_at_once(tmp_path: Path) -> None:
    folder, _ = make_study(tmp_path, questions=8)
    with served(folder) as server, server.client() as client:

        def take_part(number: int) -> list[str]:
            person = Person(client).join()
            choices = ["left" if (number >> place) & 1 else "right" for place in range(8)]
            for place, choice in enumerate(choices):
                assert person.vote(place, choice).json() == {"position": place + 1}
            return [person.word, *choices]

        with ThreadPoolExecutor(20) as pool:
            took = list(pool.map(take_part, range(20)))
    rows = load_votes(folder)
    assert len(rows) == 160
    found = {rater: list(of["choice"]) for rater, of in rows.groupby("rater")}
    assert found == {_shown(word): choices for word, *choices in took}

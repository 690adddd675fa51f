"""Copying rows from a restored table into the live one."""

from typing import Any

import boto3
import pytest

from dreamvision.database.client import TOMBSTONE_PREFIX, Database
from dreamvision.dreams.repository import _TEXT_PREFIX
from local import restore_rows
from local.restore_rows import RestoreError, restore
from tests.fakes.aws import CREATION, REGION, template

LUNA, STELLA = "luna", "stella"
LIVE, RESTORED = "DreamsTable", "restored"


def row(user: str, dream: str, text: str = "a dream") -> dict[str, Any]:
    return {"user_id": {"S": user}, "dream_id": {"S": dream}, "dream_text": {"S": text}}


@pytest.fixture
def client(database: Database) -> Any:
    """A client of the live table and of a restored one with more, other and erased rows."""
    found: Any = boto3.client("dynamodb", region_name=REGION)
    declared = template()["Resources"][LIVE]["Properties"]
    found.create_table(TableName=RESTORED, **{name: declared[name] for name in CREATION if name in declared})
    for item in (row(LUNA, "kept"), row(LUNA, "damaged", "?"), row(LUNA, "newer")):
        found.put_item(TableName=LIVE, Item=item)
    restored = [
        row(LUNA, "kept"),
        row(LUNA, "damaged", "whole"),
        row(LUNA, "lost"),
        row(f"{_TEXT_PREFIX}{LUNA}", "lost", "a long text"),
        row(STELLA, "lost"),
        row(f"{TOMBSTONE_PREFIX}{LUNA}", "erased"),
    ]
    for item in restored:
        found.put_item(TableName=RESTORED, Item=item)
    return found


def stored(client: Any) -> dict[tuple[str, str], str]:
    return {
        (item["user_id"]["S"], item["dream_id"]["S"]): item["dream_text"]["S"]
        for item in client.scan(TableName=LIVE)["Items"]
    }


def test_nothing_is_written_without_write(client: Any) -> None:
    before = stored(client)
    counts = restore(client, RESTORED, LIVE, "missing")
    assert (counts["read"], counts["missing"], counts["changed"], counts["skipped"]) == (6, 3, 1, 1)
    assert stored(client) == before


def test_missing_rows_are_added_and_no_other_is_touched(client: Any) -> None:
    before = stored(client)
    restore(client, RESTORED, LIVE, "missing", write=True)
    added = {(LUNA, "lost"): "a dream", (f"{_TEXT_PREFIX}{LUNA}", "lost"): "a long text", (STELLA, "lost"): "a dream"}
    assert stored(client) == before | added


def test_changed_rows_are_replaced_and_none_is_added(client: Any) -> None:
    before = stored(client)
    restore(client, RESTORED, LIVE, "changed", write=True)
    assert stored(client) == before | {(LUNA, "damaged"): "whole"}


def test_one_users_rows_can_be_selected_with_their_texts(client: Any) -> None:
    restore(client, RESTORED, LIVE, "missing", user=LUNA, write=True)
    assert (f"{_TEXT_PREFIX}{LUNA}", "lost") in stored(client)
    assert (STELLA, "lost") not in stored(client)


def test_a_row_that_was_created_meanwhile_stays(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore_rows, "_state", lambda *_: "missing")
    restore(client, RESTORED, LIVE, "missing", user=LUNA, write=True)
    assert stored(client)[LUNA, "damaged"] == "?"


def test_other_tables_are_refused(client: Any) -> None:
    for restored, live in ((RESTORED, "VideosTable"), ("GuardsTable", "GuardsTable")):
        with pytest.raises(RestoreError):
            restore(client, restored, live, "missing", write=True)


def test_the_command_counts_and_explains(client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert restore_rows.main([RESTORED, LIVE, "--rows", "missing"]) == 0
    assert "6 rows read, 3 would be written (add --write), 1 of erasures skipped" in capsys.readouterr().out
    assert restore_rows.main([RESTORED, LIVE, "--rows", "missing", "--write"]) == 0
    assert "3 written" in capsys.readouterr().out
    assert restore_rows.main(["none", LIVE, "--rows", "missing"]) == 1
    assert "Error:" in capsys.readouterr().err

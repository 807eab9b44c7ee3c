"""Which engine runs, and what is said where the native one cannot."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import mapsys.native
from mapsys.engine_choice import ENGINE_VARIABLE, choose, new_store
from mapsys.start_error import StartError
from mapsys.store_pure import PureStore
from tests.engines import can_build

EXTENSION = "mapsys.native._engine"


@pytest.fixture(autouse=True)
def nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENGINE_VARIABLE, raising=False)


def test_native_runs_wherever_it_can_be_built() -> None:
    choice = choose("auto")
    assert choice.engine == "native" or not can_build(), choice.reason


def test_pure_runs_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose("pure") == ("pure", "the configuration asks for it")
    assert isinstance(new_store(choose("pure")), PureStore)
    monkeypatch.setenv(ENGINE_VARIABLE, "pure")
    assert choose("native") == ("pure", "the environment asks for it")


def test_the_environment_asks_for_an_engine_that_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENGINE_VARIABLE, "fast")
    with pytest.raises(StartError, match=r"MAPSYS_ENGINE is 'fast'.*auto, native, pure"):
        choose("auto")


def test_an_engine_that_was_not_built_is_done_without_and_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delitem(sys.modules, EXTENSION, raising=False)
    monkeypatch.setattr(mapsys.native, "__path__", [str(tmp_path)])
    assert choose("auto") == ("pure", "the native engine was not built when mapsys was installed")
    with pytest.raises(StartError, match=r"cannot be had.*was not built.*C compiler"):
        choose("native")


def test_an_engine_that_does_not_load_is_told_with_its_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "_engine.abi3.so").write_bytes(b"no library at all")
    monkeypatch.delitem(sys.modules, EXTENSION, raising=False)
    monkeypatch.setattr(mapsys.native, "__path__", [str(tmp_path)])
    choice = choose("auto")
    assert choice.engine == "pure"
    assert choice.reason.startswith("the native engine does not load: ")
    with pytest.raises(StartError, match=r"does not load"):
        choose("native")

"""One process at a time in a folder."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from zoo.utils import locks
from zoo.utils.locks import InUse, alone_in

HOLD = """
import sys, time
from pathlib import Path
from zoo.utils.locks import InUse, alone_in
try:
    with alone_in(Path(sys.argv[1])):
        print("held", flush=True)
        time.sleep(float(sys.argv[2]))
except InUse as error:
    print(error)
"""


def holder(folder, seconds=60):
    command = [sys.executable, "-c", HOLD, str(folder), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_second_process_is_told_who_holds_the_folder(tmp_path):
    folder = tmp_path / "runs" / "mine"
    first = holder(folder)
    assert first.stdout.readline() == "held\n"
    with pytest.raises(InUse, match=f"is in use by process {first.pid} on "), alone_in(folder):
        pytest.fail("two at once")
    assert [path.name for path in folder.iterdir()] == [locks.LOCK]
    first.kill()
    first.communicate()


def test_kill_9_frees_the_folder(tmp_path):
    first = holder(tmp_path)
    assert first.stdout.readline() == "held\n"
    first.kill()
    first.communicate()
    with alone_in(tmp_path):
        assert f"process {os.getpid()} on" in (tmp_path / locks.LOCK).read_text()
    assert not list(tmp_path.iterdir())


def test_of_many_processes_at_once_one_gets_a_new_folder(tmp_path):
    starting = [holder(tmp_path / "new" / "run", 3) for _ in range(4)]
    told = [process.communicate(timeout=60)[0] for process in starting]
    assert sum(text == "held\n" for text in told) == 1
    assert sum("in use by" in text for text in told) == 3
    assert not list(tmp_path.iterdir())


def test_threads_do_not_share_a_folder(tmp_path):
    def tried(_):
        try:
            with alone_in(tmp_path):
                time.sleep(0.5)
                return True
        except InUse:
            return False

    with ThreadPoolExecutor(3) as threads:
        assert sum(threads.map(tried, range(3))) == 1


def test_what_was_there_stays_and_what_was_made_for_nothing_goes(tmp_path):
    (tmp_path / "there").mkdir()
    with alone_in(tmp_path / "there"):
        pass
    with pytest.raises(KeyError), alone_in(tmp_path / "new" / "run"):
        raise KeyError
    with alone_in(tmp_path / "kept" / "run"):
        (tmp_path / "kept" / "run" / "file").write_text("")
    left = sorted(path.relative_to(tmp_path).as_posix() for path in Path(tmp_path).rglob("*"))
    assert left == ["kept", "kept/run", "kept/run/file", "there"]


def test_a_file_system_without_locks_brings_a_warning(tmp_path, monkeypatch):
    def unknown(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(locks.fcntl, "flock", unknown)
    with (
        pytest.warns(UserWarning, match=r"has no locks \(Function not implemented\)"),
        alone_in(tmp_path),
    ):
        pass

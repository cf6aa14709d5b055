"""What is written where: whole or not at all, through links, into pipes, and never over what is somebody else's."""

import errno
import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from zoo.utils import files, layouts

SAVED_MODEL = {
    "saved_model.pb": b"..reconstruct_uint8..",
    "fingerprint.pb": b"1",
    "variables/variables.index": b"2",
    "variables/variables.data-00000-of-00001": b"3",
}


def lay_out(folder: Path, content: dict[str, bytes]) -> Path:
    for name, value in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(value)
    return folder


def names(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*"))


# Links, pipes and devices.


@pytest.mark.parametrize("chain", [["there"], ["missing"], ["second", "there"]])
def test_a_link_stays_and_what_it_points_to_is_written(chain, tmp_path):
    (tmp_path / "there").write_text("old")
    for link, to in zip(["first", *chain], chain, strict=False):
        (tmp_path / link).symlink_to(to)
    files.write_text(tmp_path / "first", "new")
    assert (tmp_path / "first").is_symlink()
    assert (tmp_path / chain[-1]).read_text() == "new"
    assert not (tmp_path / chain[-1]).is_symlink()


def test_a_folder_is_written_through_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "latest").symlink_to("disk/run7")
    with files.whole_folder(tmp_path / "latest") as folder:
        lay_out(folder, SAVED_MODEL)
    assert (tmp_path / "latest").is_symlink()
    with files.whole_folder(
        tmp_path / "latest", overwrite=True, layout=layouts.SAVED_MODEL
    ) as folder:
        (folder / "saved_model.pb").write_text("new")
    assert names(tmp_path) == ["disk", "disk/run7", "disk/run7/saved_model.pb", "latest"]


def test_a_link_to_itself_is_refused(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ValueError, match="a link to itself"):
        files.write_text(tmp_path / "loop", "text")


def test_a_pipe_with_a_reader_gets_the_content(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    files.write_text(tmp_path / "pipe", "through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


def test_a_pipe_takes_more_than_it_holds_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    got = []
    with open(os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK), "rb") as reader:
        os.set_blocking(reader.fileno(), True)
        thread = threading.Thread(target=lambda: got.append(reader.read()))
        with files.whole_file(tmp_path / "pipe") as partial:
            partial.write_bytes(bytes(10**6))
            thread.start()
        thread.join(10)
    assert len(got[0]) == 10**6


def test_a_pipe_that_nobody_reads_is_refused_and_stays(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="nobody reads it"):
        files.write_text(tmp_path / "pipe", "text")
    assert names(tmp_path) == ["pipe"]
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize(("minor", "what"), [(3, "null"), (5, "zero"), (7, "full")])
def test_a_device_stays_a_device(minor, what, tmp_path):
    device = tmp_path / what
    try:
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, minor))
        device.write_bytes(b"")
    except OSError:
        pytest.skip("devices cannot be made here")
    if what == "full":
        with pytest.raises(OSError, match=r"Cannot write .*full: No space left on device"):
            files.write_text(device, "text")
    else:
        files.write_text(device, "text")
    assert device.is_char_device()
    assert names(tmp_path) == [what]


def test_a_folder_and_a_socket_are_no_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        for path in (Path("socket"), tmp_path):
            with pytest.raises(ValueError, match="Expected the path of a file"):
                files.write_text(path, "text")
    assert names(tmp_path) == ["socket"]


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    files.write_text("~/notes.txt", "text")
    with files.whole_folder(Path("~") / "mine") as folder:
        (folder / "a").write_text("a")
    assert names(tmp_path) == ["mine", "mine/a", "notes.txt"]


# What is replaced.


@pytest.mark.parametrize(
    "content",
    [
        {},
        {".DS_Store": b"mac", "Thumbs.db": b"windows"},
        SAVED_MODEL,
        {**SAVED_MODEL, "assets.extra/tf_serving_warmup_requests": b"4", ".DS_Store": b"mac"},
    ],
)
def test_what_the_zoo_wrote_is_replaced(content, tmp_path):
    old = lay_out(tmp_path / "1", content)
    old.mkdir(exist_ok=True)
    with files.whole_folder(old, overwrite=True, layout=layouts.SAVED_MODEL) as folder:
        (folder / "new").write_text("new")
    assert names(tmp_path) == ["1", "1/new"]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"thesis.tex": b"years"}, "thesis.tex"),
        ({**SAVED_MODEL, "thesis.tex": b"years"}, "thesis.tex"),
        ({**SAVED_MODEL, "variables/notes.txt": b"mine"}, "variables/notes.txt"),
        ({**SAVED_MODEL, ".git/config": b"mine"}, ".git/config"),
        ({**SAVED_MODEL, "saved_model.pb": b"of another program"}, "another saved_model.pb"),
        ({"variables/variables.index": b"2"}, "without saved_model.pb"),
        ({"config.json": b"{}", "model.keras": b"a run", "history.csv": b""}, "config.json"),
        ({"a": b"", "b": b"", "c": b"", "d": b""}, "a, b, c and 1 more"),
    ],
)
def test_what_somebody_else_wrote_is_not_replaced(content, named, tmp_path):
    old = lay_out(tmp_path / "1", content)
    before = names(tmp_path)
    with (
        pytest.raises(FileExistsError, match="is not replaced") as caught,
        files.whole_folder(old, overwrite=True, layout=layouts.SAVED_MODEL),
    ):
        pytest.fail("there is nothing to write")
    assert named in str(caught.value)
    assert names(tmp_path) == before


PRESETS = sorted((Path(__file__).parent.parent / "saved_models").glob("*/SHA256SUMS"))


@pytest.mark.parametrize("sums", PRESETS, ids=lambda sums: sums.parent.name)
def test_presets_are_recognised_and_no_other_export_replaces_them(sums):
    folder = sums.parent
    files.check_new(folder, overwrite=True, layout=layouts.PRESET)
    for layout in (layouts.SAVED_MODEL, layouts.ONNX, layouts.LITERT, layouts.PUBLISHED):
        with pytest.raises(FileExistsError, match="is not replaced"):
            files.check_new(folder, overwrite=True, layout=layout)


def test_published_presets_are_recognised_and_a_stranger_among_them_is_not_replaced(tmp_path):
    lay_out(tmp_path, {"index.json": b'{"mine": {"sha256": "00"}}', "mine/SHA256SUMS": b"..."})
    lay_out(tmp_path / "mine" / "1", SAVED_MODEL)
    files.check_new(tmp_path, overwrite=True, layout=layouts.PUBLISHED)
    lay_out(tmp_path, {"index.html": b"a website"})
    with pytest.raises(FileExistsError, match=r"Received: a folder with index\.html"):
        files.check_new(tmp_path, overwrite=True, layout=layouts.PUBLISHED)


@pytest.mark.parametrize("path", [".", "..", "../1"])
def test_the_folder_that_the_command_runs_in_is_not_replaced(path, tmp_path, monkeypatch):
    monkeypatch.chdir(lay_out(tmp_path / "1", SAVED_MODEL))
    with pytest.raises(FileExistsError, match="the folder that this runs in"):
        files.check_new(path, overwrite=True, layout=layouts.SAVED_MODEL)


@pytest.mark.parametrize(
    ("content", "is_replaced"),
    [(b"", True), (b"TFL3 reconstruct", True), (b"PK thesis", False), (b"TFL3 other", False)],
)
def test_a_file_is_replaced_only_by_its_like(content, is_replaced, tmp_path):
    file = tmp_path / "model.tflite"
    file.write_bytes(content)
    if is_replaced:
        files.check_new(file, overwrite=True, layout=layouts.LITERT)
        return
    with pytest.raises(FileExistsError, match="expected a LiteRT file of the zoo"):
        files.check_new(file, overwrite=True, layout=layouts.LITERT)


def test_a_file_is_no_folder_and_a_folder_no_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError, match="is not replaced"):
        files.check_new(tmp_path / "file", overwrite=True, layout=layouts.ONNX)
    with pytest.raises(FileExistsError, match="is not replaced"):
        files.check_new(tmp_path, overwrite=True, layout=layouts.LITERT)


def test_the_old_folder_comes_back_if_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    old = lay_out(tmp_path / "1", SAVED_MODEL)
    before, rename = names(tmp_path), Path.rename

    def failing(self, target):
        if self.name.startswith(files.PARTIAL) and Path(target) == old:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with (
        pytest.raises(OSError, match=r"Cannot write .*Input/output error"),
        files.whole_folder(old, overwrite=True, layout=layouts.SAVED_MODEL) as folder,
    ):
        (folder / "new").write_text("new")
    assert names(tmp_path) == before


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EFBIG, errno.EDQUOT])
def test_a_full_disk_is_named_without_names_of_halves(code, tmp_path):
    for whole in (files.whole_file, files.whole_folder):
        with (
            pytest.raises(OSError, match=f"Cannot write .*mine: {os.strerror(code)}") as caught,
            whole(tmp_path / "mine") as partial,
        ):
            raise OSError(code, os.strerror(code), str(partial))
        assert files.PARTIAL not in str(caught.value)
    assert names(tmp_path) == []


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "{", '{"a": 1}}'])
def test_json_that_is_none_is_a_value_error(text, tmp_path):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=r"."):
        files.read_json(tmp_path / "a.json")

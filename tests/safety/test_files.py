"""Names, whole writes, locks and guarded reads."""

import errno
import os
import stat
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from support import ROOT

from jacklib import files
from jacklib.errors import DataError, DiskError, disk_words, plain, shown
from jacklib.files import named_after, write_bytes

OUTSIDE = (
    "/abs", "a/b", "..", ".", "", "  ", "a\\b", "a\0b", ".hidden", "../x", "a/../b", "x" * 256,
    "line\nbreak", "\x1b[31m", "half \ud800 pair", None, 3, ["x"],
)  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_a_file_says_is_no_path(tmp_path, name):
    with pytest.raises(DataError, match="table.csv"):
        files.inside(tmp_path, name, where="table.csv")


@pytest.mark.parametrize(
    "name",
    ["bbb_0120", "my film", "-dash", "a:b", 'it\'s "it"', "情感", "x..y", "👩‍👧", "é", "x" * 251],
)
def test_plain_names_are_taken_as_they_are(tmp_path, name):
    assert files.inside(tmp_path, name, where="t") == tmp_path / name


@pytest.mark.parametrize("stem", ["a" * 251, "影" * 83, "clip", "x" + "\udcff" * 250])
def test_what_is_made_from_a_file_has_a_name_that_disks_take(tmp_path, stem):
    film = tmp_path / f"{stem}.mp4"
    film.write_bytes(b"")
    picture = tmp_path / named_after(film, "_attention.png")
    write_bytes(picture, b"png")
    kept = picture.name.removesuffix("_attention.png")
    assert stem.startswith(kept) and len(kept) >= min(len(stem), 78)
    assert picture.read_bytes() == b"png" and len(os.fsencode(picture.name)) <= 255


@pytest.mark.parametrize(
    "text, meant",
    [
        ("my film (1).mp4", None), ('"my film (1).mp4"', None), ("'my film (1).mp4' \n", None),
        ("“my film (1).mp4”", None), ("~/my film (1).mp4", None), ("$HOME/my film (1).mp4", None),
        ("${HOME}/my film (1).mp4", None), ("my\\ film\\ \\(1\\).mp4", None),
        ("~/my\\ film\\ \\(1\\).mp4", None), ("\u202amy film (1).mp4", None),
        ("file://HOME/my%20film%20(1).mp4", None),
        ("FILE://localhostHOME/my%20film%20(1).mp4", None),
        ("sub\\Caf\u00e9.mp4", "sub/Cafe\u0301.mp4"), ("'odd'.mp4", "'odd'.mp4"), (" x ", " x "),
        ("not there ", "not there"), ("new\\ folder", "new folder"), ("C:\\a.mp4", "C:\\a.mp4"),
        ("50 $ a ~.mp4", "50 $ a ~.mp4"), ("[1e-3]*40", "[1e-3]*40"), (" ", " "), ("", ""),
        ('""', '""'), (3, 3), (None, None),
    ],
)  # fmt: skip
def test_paths_as_people_type_or_paste_them(tmp_path, monkeypatch, text, meant):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "sub").mkdir()
    for name in ("my film (1).mp4", "'odd'.mp4", " x ", "sub/Cafe\u0301.mp4"):
        (tmp_path / name).write_text("")
    found = files.typed(
        text.replace("HOME/my%", f"{tmp_path}/my%") if isinstance(text, str) else text
    )
    if meant is None and text is not None:
        assert os.path.samefile(found, "my film (1).mp4")
    else:
        assert found == meant


@pytest.mark.parametrize(
    "path", ["C:\\Users\\a.mp4", "D:/a.mp4", "\\\\disk\\a.mp4", "https://x.org/a.mp4"]
)
def test_a_path_of_another_system_is_told_as_that(path):
    with pytest.raises(DataError, match="a.mp4: found no such file.*Give a path of this system"):
        files.check_file(path, "a film", "Check the path.")


def test_names_are_found_by_other_spellings():
    gbk = os.fsdecode("中文".encode("gbk"))
    names = files.Names(["Caf\u00e9", gbk, "up", "Up", "clip.mp4", "two"])
    found = {"Cafe\u0301 ": "Caf\u00e9", "CAF\u00c9.MP4": "Caf\u00e9", "中文": gbk, "up": "up",
             "UP": None, "clip.mp4": "clip.mp4", "clip": None, "two.txt": None}  # fmt: skip
    assert {name: names.find(name, (".mp4",)) for name in found} == found


TEXT = "id,label\n情感一,喜\n"


@pytest.mark.parametrize(
    "code", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gbk", "gb18030"]
)
def test_text_is_read_in_the_codes_that_people_save_in(tmp_path, code, caplog):
    for text in (TEXT, "id,label\na,Joy\n", "镕\r\n" + TEXT):
        path = tmp_path / f"{len(text)}.txt"
        path.write_bytes(text.encode(code))
        assert files.read_text(path, "a text", "Save it.") == text
        assert files.read_text(path, "a text", "Save it.") == text
    assert len(caplog.messages) == (2 if code.startswith("gb") else 0)  # once a file
    assert all("read as GBK" in message for message in caplog.messages)


@pytest.mark.parametrize(
    "data, place",
    [
        (TEXT.encode()[:-3], "0xe5 as byte 20, line 2"),  # cut within a letter
        (TEXT.encode().replace(b"a", b"\xff", 1), "0xff as byte 5, line 1"),
        ("caf\u00e9s\n".encode("latin-1"), "0xe9 as byte 4, line 1"),
        (TEXT.encode("gbk") + b"\xff\n", "0xff as byte 20, line 3"),
        (b"\x89PNG\r\n", "0x89 as byte 1"),
        (b"\xff\xfea", "16 .0x61 as byte 3"),
    ],
)
def test_the_first_bad_byte_of_a_text_is_named(tmp_path, data, place):
    path = tmp_path / "t.txt"
    path.write_bytes(data)
    with pytest.raises(DataError, match=f"t.txt: found no text in UTF-.*{place}"):
        files.read_text(path, "a text", "Save it as UTF-8.")
    assert "\ufffd" in files.read_text(path, "a text", "Save it as UTF-8.", replace=True)


def test_a_link_that_leaves_the_folder_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "Joy").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="symbolic link"):
        files.inside(tmp_path / "root", "Joy", "clip", where="t")


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deep" / "table.json"
    with pytest.raises(RuntimeError), files.whole_file(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert not list((tmp_path / "deep").iterdir())
    old = os.umask(0o027)
    try:
        files.write_json(path, {"a": 1})
    finally:
        os.umask(old)
    assert files.read_table(path) == {"a": 1}
    assert stat.S_IMODE(path.stat().st_mode) == 0o640  # as the user's umask wants it


def test_a_link_at_the_target_is_replaced_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "out.json").symlink_to(victim)
    files.write_json(tmp_path / "out.json", {})
    assert victim.read_text() == "precious" and not (tmp_path / "out.json").is_symlink()


def test_only_folders_of_ours_are_replaced_or_removed(tmp_path):
    ours = tmp_path / "ours"
    for value in (1, 2):
        with files.whole_folder(ours, {"value": value}) as part:
            (part / "x").write_text(str(value))
    assert files.read_mark(ours)["value"] == 2 and (ours / "x").read_text() == "2"
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "thesis.txt").write_text("precious")
    (tmp_path / "link").symlink_to(ours)
    for target in (theirs, theirs / "thesis.txt", tmp_path / "link"):
        with pytest.raises(DataError, match="did not make"), files.whole_folder(target) as part:
            pass
    assert (theirs / "thesis.txt").read_text() == "precious"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "ours", "theirs"]


def test_text_that_is_no_unicode_is_written_and_read_again(tmp_path):
    path = files.write_json(tmp_path / "a.json", {"half a pair \ud800": "\udcff"})
    assert files.read_json(path) == {"half a pair \ud800": "\udcff"}
    files.write_json(path, {os.fsdecode(b"\xd6\xd0"): 1})  # the name of a file in GBK
    assert files.read_json(path) == {os.fsdecode(b"\xd6\xd0"): 1}
    name = os.fsdecode(b"gbk \xc4\xe3")
    assert files.write_text(tmp_path / "b.txt", name).read_bytes() == b"gbk \xc4\xe3"


def test_what_dead_writers_left_is_swept_and_what_living_ones_write_is_not(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    dead = tmp_path / "a" / f".jack-{child.pid}-0123abcd.part"
    dead.mkdir(parents=True)
    alive = tmp_path / f".jack-{os.getpid()}-0123abcd.part"
    alive.write_text("")
    (tmp_path / ".jack-notes.part").write_text("a user's")
    files.sweep(tmp_path)
    assert not dead.exists() and alive.exists() and (tmp_path / ".jack-notes.part").exists()


@pytest.mark.parametrize("stop", ["before the first", "between", "after the second"])
def test_a_kill_while_a_folder_is_replaced_loses_neither(tmp_path, stop):
    ours = tmp_path / "ours"
    with files.whole_folder(ours) as part:
        (part / "x").write_text("old")
    code = (
        "import os, signal; from jacklib import files\n"
        "rename, moves = os.rename, []\n"
        "def move(*paths):\n"
        "    moves.append(paths)\n"
        f"    stop = {stop!r}\n"
        "    if (stop, len(moves)) in (('before the first', 1), ('between', 2)):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    rename(*paths)\n"
        "    if (stop, len(moves)) == ('after the second', 2):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "os.rename = move\n"
        f"with files.whole_folder({str(ours)!r}) as part:\n"
        "    (part / 'x').write_text('new')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT,
        env={**os.environ, "JACKLIB_NO_JITTOR": "1", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == -9
    files.sweep(tmp_path)
    assert (ours / "x").read_text() in (("new",) if stop.startswith("after") else ("old", "new"))
    assert [path.name for path in tmp_path.iterdir()] == ["ours"]


def test_one_at_a_time_and_the_message_says_who(tmp_path):
    code = (
        "import sys, time; from jacklib.files import locked\n"
        f"with locked({str(tmp_path)!r}, 'training TSL-Net'):\n"
        "    print('in', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT,
        env={**os.environ, "JACKLIB_NO_JITTOR": "1", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        child.stdout.readline()
        with pytest.raises(DataError, match=f"process {child.pid} .training TSL-Net, since"):
            with files.locked(tmp_path, "mine", wait=False):
                pass
        threading.Timer(0.3, child.kill).start()  # the system lets go of a dead process's lock
        with files.locked(tmp_path, "mine"):
            assert child.wait() == -9
    finally:
        child.kill()
        child.wait()


def test_a_lock_whose_file_was_taken_away_is_no_lock(tmp_path):
    inside, most = 0, 0

    def work():
        nonlocal inside, most
        for _ in range(20):
            with files.locked(tmp_path / "x", "work"):
                inside += 1
                most = max(most, inside)
                time.sleep(0.002)
                inside -= 1
                (tmp_path / "x" / files.LOCK).unlink(missing_ok=True)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_an_error_in_the_block_is_not_swallowed(tmp_path):
    with pytest.raises(OSError, match="mine"), files.locked(tmp_path, "work"):
        raise OSError("mine")


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"a": ' * 50_000,
        b'{"a": ' + b"9" * 5000 + b"}",
        b"\xff\xfe",
        b"",
        b"[1]",
        b"{",
    ],
)
def test_no_json_ends_with_anything_but_dataerror(tmp_path, content):
    path = tmp_path / "t.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match="t.json"):
        files.read_table(path)


def _header(text: bytes) -> bytes:
    return b"\x93NUMPY\x01\0" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    "content",
    [
        _header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (60, 48".ljust(118)),
        b"PK\x03\x04" + bytes(100),
        _header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 48)}\n"),
        _header(b"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}\n") + b"cos\nsystem\n.",
        _header(b"{'descr': '<c16', 'fortran_order': False, 'shape': (1,)}\n") + bytes(16),
        b"",
    ],
)  # fmt: skip
def test_no_array_ends_with_anything_but_dataerror(tmp_path, content):
    path = tmp_path / "t.npy"
    path.write_bytes(content)
    with pytest.raises(DataError, match="t.npy"):
        files.open_array(path, "numbers", "Fix it.")


def test_an_array_of_numbers_is_read(tmp_path):
    files.write_array(tmp_path / "t.npy", np.arange(6).reshape(2, 3))
    assert files.open_array(tmp_path / "t.npy", "n", "c").tolist() == [[0, 1, 2], [3, 4, 5]]


def test_pipes_and_folders_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "none", "a\0b", "/dev/zero"):
        with pytest.raises(DataError):
            files.read_text(path, "a text", "Correct the path.")


def test_a_message_is_short_and_cannot_steer_a_terminal():
    laughs = ["ha"]
    for _ in range(60):
        laughs = [laughs] * 9
    for value in (laughs, "x" * 10**6, 10**100_000, {"a": {"b": {"c": {"d": {}}}}}, b"x" * 10**6,
                  np.zeros((1000, 1000)), np.float32(1), object(), {1: 2}):  # fmt: skip
        assert len(shown(value)) < 3000
    assert shown(np.zeros((3, 4))) == "an array of shape [3, 4]"
    error = DataError("a\x1b[31m\n\u202eb", found="x" * 10**6, wanted="w", cure="c")
    assert str(error).startswith("a\\x1b[31m\\n\\u202eb: found xxx") and len(str(error)) < 1000
    assert plain("情感 film’s 100 %") == "情感 film’s 100 %"


def test_the_disk_s_answers_are_one_sentence(tmp_path):
    with pytest.raises(DiskError) as caught, files.whole_file("/proc/none/x"):
        pass
    assert "/proc/none/x" in str(caught.value) and "\n" not in str(caught.value)
    assert "disk is full" in disk_words(OSError(28, "No space left on device"), "film.mp4")


def test_a_forked_child_keeps_no_lock(tmp_path):
    """A worker that outlives the block, or its parent, must not shut everybody out."""
    code = (
        "import os, sys, time\n"
        "from jacklib.files import locked\n"
        f"folder = {str(tmp_path)!r}\n"
        "with locked(folder, 'work', wait=False):\n"
        "    if not (child := os.fork()):\n"
        "        time.sleep(30)\n"
        "        os._exit(0)\n"
        "with locked(folder, 'again', wait=False):\n"
        "    if not (other := os.fork()):\n"
        "        time.sleep(30)\n"
        "        os._exit(0)\n"
        "    time.sleep(0.2)\n"
        "    print(child, other, flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, text=True,
                               stdout=subprocess.PIPE,
                               env=os.environ | {"JACKLIB_NO_JITTOR": "1"})  # fmt: skip
    children = [int(word) for word in process.stdout.readline().split()]
    process.wait(timeout=30)
    try:
        assert len(children) == 2
        with files.locked(tmp_path, "mine", wait=False):
            pass
    finally:
        for child in children:
            os.kill(child, 9)


def test_a_disk_error_names_the_file_that_was_to_be(tmp_path):
    """Not the place beside it, which is gone: also where one whole write is within another."""
    for whole in (files.whole_file, files.whole_folder):
        with pytest.raises(DiskError) as caught, whole(tmp_path / "target") as part:
            with files.whole_file(part / "x" if part.is_dir() else part):
                raise OSError(errno.ENOSPC, "No space left on device")
        assert str(caught.value).startswith(str(tmp_path / "target"))
        assert ".part" not in str(caught.value) and "the disk is full" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_goes_even_where_its_set_is_whole(tmp_path):
    """It may have been killed while it took its own folder away, the last thing that it does."""

    def write(folder):
        (folder / "img").mkdir()
        for name in "zabc":
            (folder / "img" / name).mkdir()

    def make(write):
        files.make_set(tmp_path, {"version": 1}, ["img"], write, "a test")

    make(write)
    listed = list(files.read_json(tmp_path / files.SET_MARK)["files"])
    assert listed == ["img", "img/a", "img/b", "img/c", "img/z"]  # in any disk's order
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, others = (tmp_path / f".jack-{n}-01234567.part" for n in (ended.pid, os.getppid()))
    for folder in (left, others):
        (folder / "old").mkdir(parents=True)
    make(None)
    assert not left.exists() and others.exists()


def test_what_is_written_where_process_numbers_are_others_is_not_swept(tmp_path, monkeypatch):
    """As in two containers that share a folder: there nobody has the number of the writer here."""
    monkeypatch.setattr(os, "getpid", lambda: 2**22 + 1)
    with (
        files.whole_file(tmp_path / "file") as file,
        files.whole_folder(tmp_path / "folder") as made,
    ):
        monkeypatch.undo()
        (made / "inside").write_text("kept")
        files.sweep(tmp_path)
        assert file.exists() and (made / "inside").exists()
    assert (tmp_path / "file").exists() and (tmp_path / "folder" / "inside").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_is_no_mark_and_is_never_replaced(tmp_path):
    """A pipe stands for /dev/null here, which is as easily replaced by root."""
    os.mkfifo(tmp_path / files.MARK)
    assert files.read_mark(tmp_path) == {}  # and does not wait for a writer
    with pytest.raises(DiskError, match="no plain file"):
        files.write_text(tmp_path / files.MARK, "text")
    assert stat.S_ISFIFO((tmp_path / files.MARK).stat().st_mode)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs to be root")
def test_another_users_lock_can_be_held_after_it(tmp_path):
    folder = tmp_path / "shared"
    with files.locked(folder, "first"):
        pass
    folder.chmod(0o777)
    (folder / files.LOCK).chmod(0o644)
    inside = os.open(folder, os.O_RDONLY)  # pytest's own folders are closed to others
    code = (
        "import os, sys; from jacklib import files; os.fchdir(int(sys.argv[1])); os.setuid(65534)\n"
        "with files.locked('.', 'second'): files.write_text('held', 'yes')"
    )
    words = [sys.executable, "-c", code, str(inside)]
    options = {"pass_fds": [inside], "env": os.environ | {"JACKLIB_NO_JITTOR": "1"}}
    subprocess.run(words, check=True, **options)
    assert (folder / "held").read_text() == "yes"
    folder.chmod(0o755)  # where nothing can be written, that is said at once
    result = subprocess.run(words, capture_output=True, text=True, **options)
    assert "DiskError: .: no permission" in result.stderr
    os.close(inside)

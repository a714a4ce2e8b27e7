import codecs
import hashlib
import os
import random
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bigmodel import text
from bigmodel.text import (
    deduplicate,
    lines,
    load,
    paragraphs,
    passages,
    python_docs,
    sentences,
    split,
)


def key(piece):
    return "".join(piece.casefold().split())


# --- paragraphs, duplicates, split -------------------------------------------------------------------------


def test_paragraphs_are_parted_by_blank_lines_and_keep_their_indentation():
    assert paragraphs("\n\n  one\n    two  \n \t \n\nthree\n") == ["  one\n    two", "three"]
    assert paragraphs("a\r\n\r\nb") == ["a", "b"]
    assert paragraphs(" \n\n ") == []


def test_lines_leave_out_blank_ones():
    assert lines("第一行\n\n 第二行 \n") == ["第一行", " 第二行"]


def test_sentences_end_where_a_reader_ends_them():
    assert sentences("It is 3.14. Really? Yes!") == ["It is 3.14. ", "Really? ", "Yes!"]
    assert sentences("他说：“走吧！”她点头。真的？！好。") == [
        "他说：“走吧！”",
        "她点头。",
        "真的？！",
        "好。",
    ]
    assert sentences("यह है। वह है।") == ["यह है। ", "वह है।"]


@given(st.text(alphabet="ab .!?。！？”’\n", max_size=80))
def test_sentences_and_passages_lose_nothing_but_blank_pieces(sample):
    for cut in (sentences, lambda whole: passages(whole, 7)):
        assert "".join("".join(cut(sample)).split()) == "".join(sample.split())


def test_duplicates_differ_in_white_space_and_case_only():
    assert deduplicate(["To be,\nor not", "to be, or  NOT", "To be", "STRASSE", "Straße"]) == [
        "To be,\nor not",
        "To be",
        "STRASSE",
    ]


words = st.text(alphabet="abcdefg 汉字", min_size=1, max_size=12).filter(str.strip)


@given(st.lists(words, max_size=20), st.integers(0, 99), st.sampled_from([0.1, 0.25, 0.5]))
def test_a_split_parts_the_paragraphs_and_shares_none(extra, seed, share):
    # Forty of one length, so that paragraphs are the unit; the extra ones come twice, in two spellings.
    known = [f"paragraph {number:03}\nhas two lines" for number in range(40)]
    known += [copy for paragraph in extra for copy in (paragraph, f" {paragraph.upper()}\t")]
    whole = "\n\n".join(known)
    training, validation = split(whole, share, seed)
    left, right = paragraphs(training), paragraphs(validation)
    assert left
    assert right
    assert not set(map(key, left)) & set(map(key, right))
    unique = deduplicate(paragraphs(whole))
    assert [piece for piece in unique if piece in set(left)] == left
    assert [piece for piece in unique if piece in set(right)] == right
    assert len(left) + len(right) == len(unique)
    total, longest = sum(map(len, unique)), max(map(len, unique))
    assert share * total <= sum(map(len, right)) < share * total + longest
    assert split(whole, share, seed) == (training, validation)


def test_the_seed_draws_the_paragraphs_and_nothing_else_random_is_touched():
    whole = "\n\n".join(f"paragraph {number}" for number in range(100))
    before = random.getstate()
    assert len({split(whole, seed=seed)[1] for seed in range(10)}) == 10
    assert random.getstate() == before


def test_the_draw_is_the_promised_one_on_every_python():
    whole = "\n\n".join(f"p{number}" for number in range(10))
    assert split(whole, seed=0)[1] == "p3"  # the fourth of random.Random(0)'s first ten numbers is the smallest


NOVEL = "\n".join(f"　　第{number}回，他走到门前，敲了{number}下。" for number in range(60))


@pytest.mark.parametrize(
    ("whole", "cut"),
    [
        (NOVEL, lines),
        ("目录\n\n" + NOVEL, lines),
        (NOVEL.replace("\n", ""), sentences),
        ("".join(chr(0x4E00 + number) for number in range(5000)), passages),
    ],
    ids=["lines", "one heading and lines", "one line", "no sentence"],
)
def test_a_text_without_blank_lines_is_split_by_the_next_smaller_unit(whole, cut):
    training, validation = split(whole)
    assert set(map(key, cut(validation))).isdisjoint(map(key, cut(training)))
    assert 0.1 <= len(validation) / (len(training) + len(validation)) < 0.21
    assert sorted(key(training + validation)) == sorted(key(whole))


@given(st.text(max_size=60), st.floats(0.01, 0.99))
def test_any_text_is_split_in_two_or_refused_in_one_sentence(whole, share):
    try:
        parts = split(whole, share)
    except ValueError:
        assert len(deduplicate(paragraphs(whole))) < 2
    else:
        assert all(part.strip() for part in parts)


@pytest.mark.parametrize("whole", ["", " \n\n ", "one", "Again.\n" * 100, "Again. " * 100, "x" * 150])
def test_a_text_of_one_piece_is_refused(whole):
    with pytest.raises(ValueError, match=r"has \d+ characters once duplicates are removed"):
        split(whole)


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match=f"between 0 and 1 .*not {share}"):
        split("a\n\nb", validation=share)


# --- the Python documentation ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def docs():
    return python_docs()


def test_the_documentation_is_long_clean_and_says_each_thing_once(docs):
    assert 1_000_000 < len(docs) < 5_000_000
    pieces = docs.split("\n\n")
    assert paragraphs(docs) == pieces
    assert deduplicate(pieces) == pieces
    assert all(character == "\n" or ord(character) >= 32 for character in set(docs))
    assert not any(line != line.rstrip() for line in docs.split("\n"))
    docs.encode("utf-8")


def test_the_documentation_is_the_same_in_another_process_which_imports_none_of_it(docs):
    program = (
        "import hashlib, sys; from bigmodel.text import python_docs; before = set(sys.modules);"
        "print(hashlib.sha256(python_docs().encode()).hexdigest());"
        "print(*set(sys.modules) - before)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-W", "error", "-c", program]
    root = Path(text.__file__).parents[1]
    printed = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=True)
    digest, imported = printed.stdout.splitlines()
    assert digest == hashlib.sha256(docs.encode()).hexdigest()
    assert "pydoc_data.topics" in imported.split()
    assert not {"antigravity", "idlelib", "this", "turtle", "unittest"} & set(imported.split())


def library(tmp_path, monkeypatch, files):
    for name, source in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)  # as on a system that strips it


def test_docstrings_come_in_reading_order_and_from_the_library_alone(tmp_path, monkeypatch):
    source = '"""Module."""\nclass A:\n    """Class.\n\n       Deep.\n    """\n    def f(self):\n        "Method."\n'
    files = {
        "os.py": source + 'async def g():\n    """Coroutine \\x07with a bell."""\n',
        "json/__init__.py": '"""Package."""',
        "json/decoder.py": '"""Part."""\ndef f():\n    """MODULE."""\n',
        "json/tests/test_json.py": '"""A test."""',
        "test/regrtest.py": '"""A test."""',
        "bisect.py": "this is not Python",
        "site-packages/other.py": '"""Not Python\'s own."""',
        "mine.py": '"""Not Python\'s own."""',
    }
    library(tmp_path, monkeypatch, files)
    wanted = ["Package.", "Part.", "MODULE.", "Class.", "Deep.", "Method.", "Coroutine with a bell."]
    assert python_docs().split("\n\n") == wanted


def test_a_python_without_sources_still_has_its_topics(tmp_path, monkeypatch):
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    assert 'The "with" statement' in python_docs()


def test_a_python_without_documentation_is_refused(tmp_path, monkeypatch):
    library(tmp_path, monkeypatch, {})
    with pytest.raises(FileNotFoundError, match=r"neither pydoc_data nor the sources.*load a text of your own"):
        python_docs()


# --- files and folders -------------------------------------------------------------------------------------


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")).filter(str.strip))
def test_any_utf8_file_is_read_as_it_is_but_for_its_line_ends(tmp_path_factory, whole):
    path = tmp_path_factory.mktemp("load") / "text"
    path.write_bytes(whole.encode())
    expected = whole.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if expected.strip():
        assert load(path) == load(str(path)) == expected


def test_a_folder_is_every_text_beneath_it_in_order(tmp_path):
    for name in ("b/2.md", "b/10.md", "a.txt", "c.txt", ".hidden/x.txt", ".secret"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
    assert load(tmp_path) == "a.txt\n\nb/10.md\n\nb/2.md\n\nc.txt"


def test_what_is_no_text_is_left_out_of_a_folder_with_a_warning(tmp_path):
    (tmp_path / "old.txt").write_bytes("中文".encode("gb18030"))
    with pytest.raises(ValueError, match=r"holds no text; of 1 file, .*old.txt is not UTF-8"):
        load(tmp_path)
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    (tmp_path / "a.txt").write_text("a")
    with pytest.warns(UserWarning, match=r"Left out 2 files, the first because: .*old.txt is not UTF-8"):
        assert load(tmp_path) == "a"


def test_links_are_followed_to_files_and_never_in_circles(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.txt").write_text("a")
    try:
        (tmp_path / "inner" / "loop").symlink_to(tmp_path, target_is_directory=True)
    except OSError:
        pytest.skip("this system makes no links")
    (tmp_path / "b.txt").symlink_to(tmp_path / "inner" / "a.txt")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    assert load(tmp_path) == "a\n\na"


def test_of_a_large_text_whole_lines_from_all_over_it_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "PIECE", 1000)
    lines = [f"line {number}: 狐狸 fox" for number in range(20_000)]
    path = tmp_path / "large.txt"
    path.write_bytes("\r\n".join(lines).encode())
    size = text.size(path)
    assert text.load(path, at_most=size) == "\n".join(lines)
    found = [line for line in text.load(path, at_most=20_000).split("\n") if line]
    assert set(found) <= set(lines)
    assert 17_000 < len("\r\n".join(found).encode()) <= 20_000
    tenths = {int(line.split()[1][:-1]) // 2000 for line in found}
    assert tenths == set(range(10))


def test_of_a_large_text_without_lines_whole_characters_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "PIECE", 100)
    path = tmp_path / "one_line.txt"
    path.write_text("狐狸" * 5000, encoding="utf-8")
    found = text.load(path, at_most=1000)
    assert set(found) == set("狐狸\n")
    assert 900 < len(found.encode()) <= 1020


def test_of_a_large_folder_some_files_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "PIECE", 100)
    for number in range(100):
        (tmp_path / f"{number:03}.txt").write_text(f"file {number}", encoding="utf-8")
    assert text.size(tmp_path) == sum(len(f"file {number}") for number in range(100))
    found = text.load(tmp_path, at_most=300).split("\n\n")
    assert 2 <= len(found) < 10
    assert {file.split()[0] for file in found} == {"file"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (codecs.BOM_UTF8 + b" \r\n", "is empty"),
        (b"abc\0def", "byte 3 is NUL"),
        ("abc中文".encode("gb18030"), "not UTF-8: byte 3 is 0xd6.*GB18030"),
        ("text".encode("utf-16"), "UTF-16.*save it as UTF-8"),
        (b"\xed\xa0\x80", "byte 0 is 0xed"),
    ],
)
def test_a_file_that_is_no_utf8_text_is_refused_by_name(tmp_path, data, message):
    path = tmp_path / "file.txt"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=f"file.txt.*{message}"):
        load(path)


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file or folder .*missing.txt: check its name"):
        load("missing.txt")
    with pytest.raises(ValueError, match=r"holds no text\.$"):
        load(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes among its files")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a.txt").write_text("a")
    assert load(tmp_path) == "a"
    with pytest.raises(OSError, match="is a device or a pipe"):
        load(tmp_path / "pipe")

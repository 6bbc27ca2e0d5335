"""The console's files and how they are answered."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from console.assets import Assets, assets

STATIC = Path(__file__).parents[2] / "console" / "static"
FILES = {
    "index.html": b'<script src="{{base}}/main.js"></script>{{preloads}}',
    "main.js": b"import './other.js';",
    "style/page.css": b"p { margin: 0 }",
}


def made(**changes: bytes) -> Assets:
    return Assets({**FILES, **changes})


def test_the_page_names_the_files_of_its_version():
    files = made()
    page = files.answer("").body.decode()
    assert f'src="/api/console/v/{files.version}/main.js"' in page
    assert f'<link rel="modulepreload" href="/api/console/v/{files.version}/main.js">' in page


def test_another_file_makes_another_version():
    assert made().version != made(**{"main.js": b"1"}).version


def test_files_of_the_version_are_kept_for_ever_and_the_page_is_asked_for_again():
    files = made()
    assert "immutable" in files.answer(f"v/{files.version}/main.js").headers["Cache-Control"]
    assert files.answer("").headers["Cache-Control"] == "no-cache"


def test_a_file_asked_for_by_another_version_is_answered_but_not_kept():
    answer = made().answer("v/older/main.js")
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-cache")


@pytest.mark.parametrize(
    "path", ["main.js", "v", "v/x", "v/x/index.html", "v/x/../assets.py", "../assets.py", "x/y/z"]
)
def test_what_is_no_file_is_not_found_and_still_guarded(path: str):
    answer = made().answer(path)
    assert answer.status == 404
    assert "Content-Security-Policy" in answer.headers


@pytest.mark.parametrize(
    ("header", "zipped"),
    [
        ("gzip, deflate, br", True),
        ("*", True),
        ("GZIP;q=0.5", True),
        ("br", False),
        ("gzip;q=0", False),
        ("", False),
    ],
)
def test_who_accepts_gzip_gets_it(header: str, zipped: bool):
    answer = made().answer("v/x/style/page.css", accept_encoding=header)
    assert (answer.headers.get("Content-Encoding") == "gzip") is zipped
    plain = gzip.decompress(answer.body) if zipped else answer.body
    assert plain == FILES["style/page.css"]
    assert answer.headers["Vary"] == "Accept-Encoding"


def test_who_has_the_file_is_told_so():
    files = made()
    etag = files.answer("").headers["ETag"]
    for header in (etag, f"W/{etag}", f'"else", {etag}', "*"):
        again = files.answer("", if_none_match=header)
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", etag)
    assert files.answer("", if_none_match='"else"').status == 200


def test_the_compressed_file_has_an_etag_of_its_own():
    files = made()
    plain = files.answer("").headers["ETag"]
    assert files.answer("", if_none_match=plain, accept_encoding="gzip").status == 200


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere():
    policy = assets().answer("").headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert "http" not in policy


def test_the_page_has_nothing_inline():
    page = assets().answer("").body.decode()
    assert re.search(r"<script(?![^>]*\bsrc=)", page) is None
    assert re.search(r"<style|\sstyle=|\son\w+=", page) is None


@pytest.mark.parametrize(
    "module",
    [path.relative_to(STATIC).as_posix() for path in sorted(STATIC.rglob("*.js"))],
)
def test_a_module_makes_no_markup_from_text_and_asks_nobody_else(module: str):
    text = (STATIC / module).read_text()
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser"
    )
    assert re.search(forbidden, text) is None
    addresses = set(re.findall(r"https?://[^\s\"'`)]+", text))
    assert {a for a in addresses if not a.startswith("https://learn.microsoft.com/")} <= {
        "http://www.w3.org/2000/svg"
    }


def test_every_module_that_is_imported_exists_and_every_module_is_used():
    used = {"main.js"}
    for path in STATIC.rglob("*.js"):
        for target in re.findall(r'from "(\.[^"]+)"', path.read_text()):
            resolved = (path.parent / target).resolve()
            assert resolved.exists(), (path, target)
            used.add(resolved.relative_to(STATIC).as_posix())
    assert used == {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*.js")}


def test_every_module_says_in_its_first_line_what_it_is_for():
    for path in STATIC.rglob("*.js"):
        assert path.read_text().startswith("// "), path

"""How one `.env` file is read."""

import pytest
from hypothesis import given, strategies as st

from nestpy_core._dotenv import parse_dotenv


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("A=", ""),
        ("A=b c", "b c"),
        ("A = b", "b"),
        ("  A=b  ", "b"),
        ("export A=b", "b"),
        ("export\tA=b", "b"),
        ("A=b # comment", "b"),
        ("A=b\t# comment", "b"),
        ("A= # comment", ""),
        ("A=b#c", "b#c"),
        ("A=#b", "#b"),
        ("A=b=c", "b=c"),
        ("A=$HOME", "$HOME"),
        (r"A=b\nc", r"b\nc"),
        ("A=it's", "it's"),
        ('A=""', ""),
        ('A="b"', "b"),
        ('A=" b "', " b "),
        ('A="b # c"', "b # c"),
        ('A="b" # comment', "b"),
        ('A="b"#comment', "b"),
        (r'A="b\nc\td\re\\f\"g"', 'b\nc\td\re\\f"g'),
        (r'A="\\n"', r"\n"),
        (r'A="\x"', r"\x"),
        ('A="it\'s"', "it's"),
        ("A=''", ""),
        (r"A='b\n\" # $c'", r"b\n\" # $c"),
        ("A='b' # comment", "b"),
        ("\ufeffA=b", "b"),
        ("A=b\r", "b"),
        ("A=\u00a0b\u2028c", "\u00a0b\u2028c"),
    ],
)
def test_a_line_gives(line, value):
    parsed = parse_dotenv(line)
    assert parsed.values == {"A": value}
    assert parsed.malformed == ()


@pytest.mark.parametrize(
    "line", ["A", "export A", "=b", "1A=b", "A B=c", 'A="b', 'A="b" c', "A='b", "A='b'c'", r'A="b\"', "- A=b"]
)
def test_a_malformed_line_is_counted_and_nothing_of_it_is_kept(line):
    parsed = parse_dotenv(f"\n{line}\nZ=1\n")
    assert parsed.malformed == (2,)
    assert parsed.values == {"Z": "1"}


def test_a_quote_that_spans_lines_is_malformed_on_each_of_them():
    assert parse_dotenv('KEY="-----BEGIN\nabc\n-----END"\nA=1').malformed == (1, 2, 3)


def test_comments_and_blank_lines_say_nothing():
    assert parse_dotenv("# A=1\n\n   \n  # B=2\n").values == {}
    assert parse_dotenv("# A=1\n\n   \n  # B=2\n").malformed == ()


def test_the_last_of_two_equal_names_wins():
    assert parse_dotenv("A=1\nA=2").values == {"A": "2"}


NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True)
ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\t": r"\t", "\r": r"\r"})


@given(st.dictionaries(NAMES, st.text()))
def test_every_text_survives_double_quotes(values):
    text = "\n".join(f'{name}="{value.translate(ESCAPES)}" # "note"' for name, value in values.items())
    parsed = parse_dotenv(text)
    assert (parsed.values, parsed.malformed) == (values, ())


@given(NAMES, st.text().filter(lambda text: "'" not in text and "\n" not in text))
def test_every_text_of_one_line_survives_single_quotes(name, value):
    assert parse_dotenv(f"export {name}='{value}'").values == {name: value}


@given(NAMES, st.text(st.characters(exclude_characters=" \t\r\n\"'#")))
def test_every_word_survives_bare(name, value):
    assert parse_dotenv(f"{name}={value}").values == {name: value}


@given(st.text())
def test_any_text_at_all_is_parsed_without_an_exception(text):
    parsed = parse_dotenv(text)
    assert len(parsed.values) + len(parsed.malformed) <= text.count("\n") + 1

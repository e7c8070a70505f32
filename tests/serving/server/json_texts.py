"""Strategies for JSON texts, good and broken, with all that readers may trip over."""

from __future__ import annotations

from hypothesis import strategies as st

# Numbers on which readers differ, or that only RapidJSON takes or refuses.
ODD_NUMBERS = [
    *b"-0 -0.0 0.1 1e5 1E+5 1e-5 1.5e-300 9e308 1e-400 1e-99999999999 1e0000000005".split(),
    *b"0e309 1e400 0.00e310 0.00e311 12345678901234567890123.5".split(),
    *b"2147483648 -2147483649 4294967296 9007199254740993 9223372036854775807".split(),
    *b"9223372036854775808 -9223372036854775808 -9223372036854775809".split(),
    *b"18446744073709551615 18446744073709551616 -99999999999999999999".split(),
    *b"123456789012345678901234567890 0.30000000000000004440892098500626".split(),
    *b"NaN Inf -Inf -NaN Infinity NaInf NaN.5".split(),
    b"1" + b"0" * 308,
    b"1" * 310,
    b"1" + b"0" * 310 + b"e-10",
]
BROKEN = [
    *b"nan tru nul Infin 1. .5 1e 1e+ 01 +1 - . e 0x10 , : [ ] { } /**/".split(),
    *(b" ", b'"', b"\\", b"\x00", b"\x01", b"\xff", b"\xef\xbb\xbf"),
]
STRINGS = [
    rb'"a"',
    rb'""',
    rb'"b64"',
    rb'"\u00e9\ud83d\ude00"',
    rb'"\udc00"',
    rb'"a\nb\"c\/\\"',
    b'"\xff\xfe\x7f"',
    b'"caf\xc3\xa9"',
    b'"1,2"',
]
BAD_STRINGS = [
    rb'"\ud800"',
    rb'"\ud800\u0041"',
    rb'"\u12"',
    rb'"\x"',
    b'"\x01"',
    b'"a',
    b'"a\x00b"',
]

spaces = st.sampled_from([b"", b"", b"", b" ", b"\n\t ", b"\r\n"])
integers = st.integers(-(2**70), 2**70).map(lambda value: b"%d" % value)
floats = st.floats(allow_nan=False, allow_infinity=False).map(lambda value: repr(value).encode())
numbers = st.one_of(
    st.integers(-300, 300).map(lambda value: b"%d" % value),
    floats,
    integers,
    st.sampled_from(ODD_NUMBERS),
)
leaves = st.one_of(numbers, st.sampled_from(STRINGS), st.sampled_from([b"null", b"true", b"false"]))


def arrays(items: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Arrays of such texts."""
    return st.tuples(spaces, st.lists(items, max_size=5), spaces).map(
        lambda parts: b"[" + parts[0] + (parts[2] + b"," + parts[0]).join(parts[1]) + b"]"
    )


def objects(items: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Objects with such values; names may come twice."""
    member = st.tuples(st.sampled_from(STRINGS), spaces, items).map(
        lambda parts: parts[0] + parts[1] + b":" + parts[1] + parts[2]
    )
    return st.tuples(spaces, st.lists(member, max_size=3), spaces).map(
        lambda parts: b"{" + parts[0] + (parts[2] + b",").join(parts[1]) + parts[2] + b"}"
    )


good = st.recursive(leaves, lambda inner: st.one_of(arrays(inner), objects(inner)), max_leaves=20)


@st.composite
def spoiled(draw: st.DrawFn, texts: st.SearchStrategy[bytes]) -> bytes:
    """Such texts with something cut out or put in somewhere."""
    text = draw(texts)
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 3)))
    put = draw(st.sampled_from([b"", *BROKEN, *BAD_STRINGS, *ODD_NUMBERS]))
    return text[:start] + put + text[end:]


documents = st.one_of(good, spoiled(good), spoiled(spoiled(good)))

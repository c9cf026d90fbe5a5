"""Prints Tests/InspectTests/PythonPatternAnswers.swift: what Python's re says.

    python3 Tests/Conformance/patterns.py > Tests/InspectTests/PythonPatternAnswers.swift
"""

import random
import re
import sys
import warnings

SEED = 2026
RANDOM_ROWS = 160
LINE_LENGTH = 100
ASSERTIONS = ["^", "$", r"\b", r"\B", r"\A", r"\Z"]
CLASSES = [r"\d", r"\w", r"\s", r"\D", r"\W", r"\S"]
SETS = [r"[ab]", r"[^a]", r"[a-b1]", r"[^\W_]", r"[\d.]", r"[]a]", r"[^]a]", r"[a-]", r"[a&&b]",
        r"[[:alpha:]]", r"[\-\]]", "[à-ü]", r"[\x61\u0062]"]
QUANTIFIERS = ["*", "*", "+", "?", "{2}", "{1,2}", "{,2}", "{1,}", "{0}", "{0,3}"]

# Patterns that people write, and places where engines differ.
WRITTEN = [
    (r"(.*\.)?(q_proj)$", "model.layers.0.self_attn.q_proj"),
    (r"layers\.(\d+)\.", "model.layers.10.attn"),
    (r"layers\.(?:[0-9]|1[0-5])\.", "layers.15.q"),
    (r"^(?!base_model\.)", "model.norm"),
    (r"^model(?!\.(?:language_model|visual))", "model.layers.0"),
    (r"^model(?!\.(?:language_model|visual))", "model.visual.0"),
    (r"(?<=\.)q(?=_proj)", "a.q_proj"),
    (r"(?<!self_)attn", "self_attn.attn"),
    (r"\.base_layer(?=\.)", "q.base_layer.weight"),
    (r".*\.(?:q|v)_proj", "a.b.v_proj"),
    (r"(?P<n>\d+)\.(?P<w>\w+)", "l.1.w"),
    (r"(a*)*", "aa"), (r"(a*)+", "aa"), (r"(a|b*)*", "ab"), (r"(?:(a)|b)*", "ab"),
    (r"(a*?)*?$", "aa"), (r"((a)|(b)?)*", "ab"), (r"(a|ab)(c|bcd)(d*)", "abcd"),
    (r"((a*)*b?)*", "aab"), (r"(?:(a?)b?){2,4}", "ab"), (r"((a?)*|b)*", "ab"),
    (r"x*", "abxd"), (r"a|", "aba"), (r"\b|:+", "a::b"), (r"(?:a|ab)??b", "ab"),
    (r"a{,2}", "aaa"), (r"a{}", "a{}"), (r"a{,}", "aaa"), (r"a{x}", "a{x}"), (r"a{1", "a{1"),
    (r"$", "a\n"), (r"a$", "a\n"), (r"a\Z", "a\n"), (r".", "\n"), (r"^", "a\nb"),
    (r"[^a]", "\n"), (r"\bé\b", "é e\u0301"), (r"\w+", "e\u0301_٣²Ⅷ"), (r"\d", "²٣"),
    (r"\s", "\u2028"), (r"\s", "\u200b"), (r"\s", "\x1c"), (r"[b-a]", ""), (r"\/\-\é", "/-é"),
    (r"é", "e\u0301"), (r"\x41\u00e9\n\t", "Aé\n\t"), (r"[\b]", "\b"), (r"\B", "ab"),
    (r"(?:)*a", "a"), (r"(?:^a)*b", "ab"), (r"(?=a)*b", "b"), (r"()*", "a"), (r"a**", ""),
    (r"^*", ""), (r"|*", ""), (r"a{2,1}", ""), (r"(?<=a*)b", ""), (r"(?<=a|bc)d", ""), (r"\q", ""),
    (r"(?P<1>a)", ""), (r"(?P<a>a)(?P<a>a)", ""), (r"(?<n>a)", ""), (r"(a", ""), (r"a)", ""),
    (r"[a", ""), (r"[a-\d]", ""), (r"[\w-a]", ""), (r"\x4", ""), ("a\\", ""), (r"(?", ""),
    (r"[]", ""), (r"[z-", ""), (r"(?Pa)", ""),
]


def atom(draw, depth, records):
    kind = draw.random()
    if kind < 0.4 or depth == 0:
        return draw.choice(["a", "b", "1", r"\.", "_", "é", " ", "-"])
    if kind < 0.7:
        return draw.choice([["."], SETS, CLASSES, ASSERTIONS][draw.randrange(4)])
    if kind < 0.95:
        opening = draw.choice(["(", "(?:"]) if records else "(?:"
        return opening + alternatives(draw, depth - 1, records) + ")"
    return draw.choice(["(?=", "(?!"]) + alternatives(draw, depth - 1, False) + ")"


def sequence(draw, depth, records):
    parts = []
    for _ in range(draw.choice([0, 1, 2, 2, 3])):
        part = atom(draw, depth, records)
        if part not in ASSERTIONS and draw.random() < 0.4:
            part += draw.choice(QUANTIFIERS) + draw.choice(["", "", "?"])
        parts.append(part)
    return "".join(parts)


def alternatives(draw, depth, records=True):
    return "|".join(sequence(draw, depth, records) for _ in range(draw.choice([1, 1, 2])))


def swift(text):
    """The text as a string literal."""
    body = "".join(
        c if c == "é" or " " <= c <= "~" else rf"\#u{{{ord(c):X}}}" for c in text)
    return f'#"{body}"#'


def row(pattern, text):
    try:
        compiled = re.compile(pattern)
    except re.error:
        return f"    Answer({swift(pattern)}, refused: true),"
    found = compiled.search(text)
    groups = range(compiled.groups + 1)
    places = " ".join("{}-{}".format(*found.span(n)) for n in groups) if found else ""
    template = "".join(rf"<\g<{n}>>" for n in groups)
    flags = ("m" if compiled.match(text) else "") + ("f" if compiled.fullmatch(text) else "")
    return (f'    Answer(\n      {swift(pattern)}, {swift(text)}, "{places}", "{flags}",\n'
            f"      {swift(compiled.sub(template, text))}),")


def main():
    warnings.simplefilter("ignore")
    draw = random.Random(SEED)
    rows = [row(*pair) for pair in WRITTEN]
    while len(rows) < len(WRITTEN) + RANDOM_ROWS:
        pattern = alternatives(draw, draw.randrange(1, 4))
        text = "".join(draw.choice("aabb.1_é -\n") for _ in range(draw.randrange(8)))
        if r"\B" in pattern and not text:
            continue  # Python 3.14 answers otherwise than those before.
        line = row(pattern, text)
        if len(pattern) > 2 and line not in rows and all(
                len(part) <= LINE_LENGTH for part in line.splitlines()):
            rows.append(line)
    print("// Written by Tests/Conformance/patterns.py with the answers of Python", end=" ")
    print(f"{sys.version_info.major}.{sys.version_info.minor}; not to be edited.\n")
    print("extension PythonPatternTests {\n  static let answers: [Answer] = [")
    print("\n".join(rows))
    print("  ]\n}")


if __name__ == "__main__":
    main()

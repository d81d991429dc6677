"""The text of a PDF that Chromium printed, piece by piece in the order in which it is drawn."""

import re
import zlib
from functools import cache

# A font that is chosen, or codes that are drawn, each of four digits.
PIECE = re.compile(rb"/(F\d+) [\d.]+ Tf|<([0-9A-F]+)>(?=[^>]*T[jJ])")


def text(pdf: bytes) -> str:
    """All letters, without the spaces and line ends, which a PDF may tell by places alone."""
    objects = dict(re.findall(rb"(?s)\n(\d+) 0 obj\n(.*?)\nendobj", pdf))

    def stream(holder, name):
        number = re.search(rb"/%s (\d+) 0 R" % name, holder)[1]
        return zlib.decompress(objects[number].split(b"stream\n", 1)[1])

    @cache
    def letters(font):
        return _letters(stream(objects[font], b"ToUnicode"))

    found = []
    for page in [one for one in objects.values() if re.match(rb"<</Type /Page\b", one)]:
        fonts = dict(re.findall(rb"/(F\d+) (\d+) 0 R", page))
        known = {}
        for font, codes in PIECE.findall(stream(page, b"Contents")):
            known = letters(fonts[font]) if font else known
            found += [known[codes[i : i + 4]] for i in range(0, len(codes), 4)]
    return "".join("".join(found).split())


def _letters(table):
    """What each code of a font means, such as {b"0024": "A"}, from its table /ToUnicode."""
    known = {}
    singles = b"".join(re.findall(rb"(?s)beginbfchar(.*?)endbfchar", table))
    ranges = re.findall(rb"<(\w{4})> <(\w{4})> <(\w+)>", table)
    ranges += [(code, code, word) for code, word in re.findall(rb"<(\w+)> <(\w+)>", singles)]
    for first, last, word in ranges:
        *others, letter = bytes.fromhex(word.decode()).decode("utf-16-be")
        for i in range(int(last, 16) - int(first, 16) + 1):
            known[b"%04X" % (int(first, 16) + i)] = "".join([*others, chr(ord(letter) + i)])
    return known

"""The authors' own VADER as a test asks it: its lists, or its scores of texts."""

import json
import sys

from vaderSentiment import vaderSentiment as module

if sys.version_info >= (3, 12):
    # Later Pythons sum with a correction of the last digits, which the program was not made with.
    def plain_sum(values):
        total = 0
        for value in values:
            total += value
        return total

    module.sum = plain_sum

analyzer = module.SentimentIntensityAnalyzer()


def words():
    """What a word of a text can be: in lower case, and without blanks."""
    for word, rating in analyzer.lexicon.items():
        if word == word.lower() and len(word.split()) == 1:
            yield word, rating


def emoji():
    """Single characters: the program looks no further."""
    for sign, description in analyzer.emojis.items():
        if len(sign) == 1:
            yield sign, description


def turns():
    """What changes the words around it, or is an idiom."""
    yield from module.BOOSTER_DICT
    yield from module.NEGATE
    yield from module.SPECIAL_CASES
    yield from module.SENTIMENT_LADEN_IDIOMS


def listed(pairs):
    for key, value in sorted(pairs, key=lambda pair: pair[0].encode()):
        print(f"{key}\t{value}")


if sys.argv[1] == "words":
    listed(words())
elif sys.argv[1] == "emoji":
    listed(emoji())
elif sys.argv[1] == "turns":
    print(*turns(), sep="\n")
else:
    for line in open(sys.argv[1], encoding="utf-8"):
        scores = analyzer.polarity_scores(json.loads(line))
        print(*(repr(scores[name]) for name in ("neg", "neu", "pos", "compound")))

"""Prints a list of the package vaderSentiment, or its scores of the texts on standard input, one JSON string per line."""

import json
import sys

from vaderSentiment import vaderSentiment as module

if sys.version_info >= (3, 12):
    # Since Python 3.12, sum() compensates rounding errors of floats, which changes the last digit.
    def plain_sum(values):
        total = 0
        for value in values:
            total += value
        return total

    module.sum = plain_sum

analyzer = module.SentimentIntensityAnalyzer()


def words():
    """Entries that can match a word of a text: in lower case, and without spaces."""
    for word, rating in analyzer.lexicon.items():
        if word == word.lower() and len(word.split()) == 1:
            yield word, rating


def emoji():
    """Single characters: the package looks up no others."""
    for character, description in analyzer.emojis.items():
        if len(character) == 1:
            yield character, description


def modifiers():
    """Words that change the score of others, and idioms."""
    yield from module.BOOSTER_DICT
    yield from module.NEGATE
    yield from module.SPECIAL_CASES
    yield from module.SENTIMENT_LADEN_IDIOMS


def print_list(pairs):
    for key, value in sorted(pairs, key=lambda pair: pair[0].encode()):
        print(f"{key}\t{value}")


if sys.argv[1] == "words":
    print_list(words())
elif sys.argv[1] == "emoji":
    print_list(emoji())
elif sys.argv[1] == "modifiers":
    print(*modifiers(), sep="\n")
else:
    for line in sys.stdin:
        scores = analyzer.polarity_scores(json.loads(line))
        print(*(repr(scores[name]) for name in ("neg", "neu", "pos", "compound")))

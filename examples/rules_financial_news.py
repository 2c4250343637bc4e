"""Labelling rules for sentences of financial news: does an investor read good news, bad news or neither?

    duiqi label default labelled.csv --pool news.csv --rules examples/rules_financial_news.py --self-label --out more

Each function takes a text and gives a class, or None where it knows nothing. What rises is good and what falls is bad,
unless it is a loss or a cost; a sentence in which nothing moves says what is, not how it goes.
"""

import re

GOOD = (
    "profit sales revenue turnover earnings income eps orders? delivery deliveries volumes? demand market traffic "
    "exports? margins? shares? stock results? passengers production dividend ebit cash.flow rate prices? value index"
)
BAD = "loss losses costs? expenses? unemployment debts? redundancies deficit"
RISES = (
    "rose risen rises rising increased? increases grew grown grows growing climbed jumped surged soared gained "
    "improved? improves improving advanced doubled tripled up widened expanded strengthened higher"
)
FALLS = (
    "fell fallen falls falling decreased? decreases declined? declines declining dropped drops slipped slid slide "
    "plunged sank shrank weakened lost lower lowered down dipped contracted slumped tumbled narrowed"
)
GOOD_NEWS = (
    "award(ed)? record pleased delighted excellent favou?rabl strong successful succeed boost exceed benefit improv "
    "efficien competitive strengthen opportunit recover profitab positive leading.position enhanc accelerat upgrad "
    "outperform won wins savings attract innovati"
)
BAD_NEWS = (
    "lay.?offs? laid.off redundan job.cuts strike bankrupt profit.warning weak difficult downturn crisis suffer hurt "
    "hit.by hardest.hit slowdown delay cancel fraud lawsuit shut.down closure terminate write.?down impairment poor "
    "negative disappoint unprofitable uncertain threat unstable loss.of"
)
MOVES = f"{RISES} {FALLS} loss losses growth compared versus better worse best improve strong cuts?"
NUMBER = r"(\d[\d ,]*(?:\.\s?\d+)?)"
THEN = r"\b(?:compared (?:to|with)|versus|from|against|while a year earlier)\b"


def _any(words, text, end=r"\b"):
    return re.search(rf"\b(?:{'|'.join(words.split())}){end}", text) is not None


def _plain(text):
    """Lower case, with amounts such as 'EUR1 .6 m' and '500 ,000' in one piece."""
    text = re.sub(r"(?<=\d) ,(?=\d)", ",", text.lower())
    return re.sub(r"(?<=[a-z]{3})(\d+) \.(\d)", r" \1.\2", text)


def _near(things, moves, text):
    """A thing, and soon after it what it does."""
    one, other = "|".join(things.split()), "|".join(moves.split())
    return re.search(rf"\b(?:{one})\b[^.,;]{{0,60}}\b(?:{other})\b", _plain(text)) is not None


def _change(text):
    """What is told of, and by how much it is more than before: 'net sales were EUR 5 mn, compared to EUR 4 mn'."""
    text = _plain(text)
    thing = re.search(rf"\b(?:{'|'.join((GOOD + ' ' + BAD).split())})\b", text)
    both = re.search(rf"{NUMBER}[^.;\d]{{0,60}}?{THEN}[^.;\d]{{0,60}}?{NUMBER}", text)
    if not thing or not both:
        return "", 0.0
    now, before = (float(re.sub("[ ,]", "", each)) for each in both.groups())
    return thing.group(), now - before


def more_than_before(text):
    thing, change = _change(text)
    return "positive" if change > 0 and not _any(BAD, thing) else None


def less_than_before(text):
    thing, change = _change(text)
    return "negative" if change < 0 and not _any(BAD, thing) else None


def profit_after_loss(text):
    return "positive" if re.search(rf"profit.{{0,80}}{THEN}.{{0,30}}\bloss", _plain(text)) else None


def loss_after_profit(text):
    return "negative" if re.search(rf"\bloss.{{0,80}}{THEN}.{{0,30}}profit", _plain(text)) else None


def good_rises(text):
    return "positive" if _near(GOOD, RISES, text) else None


def good_falls(text):
    return "negative" if _near(GOOD, FALLS, text) else None


def bad_rises(text):
    return "negative" if _near(BAD, RISES, text) else None


def bad_falls(text):
    return "positive" if _near(BAD, FALLS, text) else None


def up_by(text):
    return (
        "positive" if re.search(rf"\b(?:up|increased?|rose|growth|grew)\b[^.;]{{0,40}}{NUMBER}", _plain(text)) else None
    )


def down_by(text):
    return (
        "negative" if re.search(rf"\b(?:down|decreased?|fell|declined?)\b[^.;]{{0,40}}{NUMBER}", _plain(text)) else None
    )


def makes_a_loss(text):
    return "negative" if re.search(r"\b(net|pre-?tax|operating) loss|loss-making|made a loss", _plain(text)) else None


def bad_news(text):
    return "negative" if _any(BAD_NEWS, _plain(text), end="") else None


def good_news(text):
    return "positive" if _any(GOOD_NEWS, _plain(text), end="") else None


def signs_a_deal(text):
    deal = r"\b(?:signed|won|received|secured|landed|extended)\b.{0,60}\b(?:agreement|contract|order|deal)"
    return "positive" if re.search(deal, _plain(text)) else None


def expects_growth(text):
    growth = r"\b(?:expect|forecast|estimate|aim|will).{0,80}\b(?:grow|growth|increase|improve|rise|expand)\b"
    return "positive" if re.search(growth, _plain(text)) else None


def nothing_moves(text):
    return None if _any(MOVES, _plain(text)) else "neutral"


def no_number(text):
    return None if re.search(r"\d", text) else nothing_moves(text)


def what_it_is(text):
    said = re.search(r"\b(?:is|are) (?:an?|the|one of|listed|located|part)\b|\bemploys\b|\bbased in\b", _plain(text))
    return nothing_moves(text) if said else None


def who_and_when(text):
    said = "general.meeting board shareholders scheduled appointed elected chairman share.capital further.information"
    return nothing_moves(text) if _any(said, _plain(text)) else None


def price_of_a_deal(text):
    return nothing_moves(text) if re.search(r"\b(?:value|price|details) of the|not disclose", _plain(text)) else None

"""Negations put into English sentences and taken out of them, so that what comes out is a sentence again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from duiqi.core.edit import Change
from duiqi.data.english import cased, verb
from duiqi.data.negations import negates

_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|[^\w\s]|\d\S*")
_STOPS = frozenset('.!?;:\n"“”()…,')
_SHORT = re.compile(r"(?:it|he|she|that|there|i|you|we|they)['’](?:s|re|m)", re.IGNORECASE)


class Word(NamedTuple):
    """A word or mark of a text, in small letters too, and where it stands."""

    text: str
    low: str
    start: int
    end: int


Clause = list[Word]


@dataclass(frozen=True)
class English:
    """`lists` are those of `lexicons/denials.toml`."""

    lists: Any

    def clauses(self, text: str) -> list[Clause]:
        """Words that stand together, without a mark between."""
        found: list[Clause] = []
        at = -1
        for match in _TOKEN.finditer(text):
            if match[0] in _STOPS:
                at = -1
                continue
            if at < 0 or "\n" in text[at : match.start()]:
                found.append([])
            at = match.end()
            found[-1].append(Word(match[0], match[0].lower().replace("’", "'"), match.start(), at))
        return found

    def added(self, text: str, clause: Clause) -> list[Change]:
        """Every way to put one negation into a clause: none where there is one, none where one would clash."""
        if negates(text[clause[0].start : clause[-1].end]):
            return []
        return [change for at in range(len(clause)) for change in self._put_to(clause, at, text)]

    def removed(self, text: str, clause: Clause) -> list[Change]:
        """Every way to take one negation out of a clause; none where a word hangs on it (any, yet, until)."""
        if not negates(text[clause[0].start : clause[-1].end]):
            return []
        hanging = [at for at, word in enumerate(clause) if word.low in self._words("dependent")]
        first = max(hanging, default=0)
        return [change for at in range(first, len(clause)) for change in self._taken_from(clause, at)]

    def _words(self, name: str) -> frozenset[str]:
        return self._sets[name]

    @cached_property
    def _sets(self) -> dict[str, frozenset[str]]:
        return {name: frozenset(said.split()) for name, said in self.lists.items() if isinstance(said, str)}

    @cached_property
    def _auxiliaries(self) -> dict[str, str]:
        return dict(self.lists["auxiliaries"])

    @cached_property
    def _contracted(self) -> dict[str, str]:
        return {short: full for full, short in self._auxiliaries.items() if short}

    @cached_property
    def _verbs(self) -> dict[str, tuple[str, str]]:
        """A form of a verb → (do, does or did; its base)."""
        found: dict[str, tuple[str, str]] = {}
        for base in sorted(self._words("verbs")):
            forms = verb(base)
            found |= {forms.past: ("did", base)}
            found |= {forms.third: ("does", base), base: ("do", base)}
        return found

    @cached_property
    def _participles(self) -> frozenset[str]:
        return frozenset(verb(base).participle for base in self._words("verbs")) | {"been", "had", "done", "gone"}

    def _put_to(self, clause: Clause, at: int, text: str) -> Iterator[Change]:
        word = clause[at]
        before, behind = _low(clause, at - 1), _low(clause, at + 1)
        if not behind or behind in self._words("affirmative") or before in self._words("before"):
            return
        if _SHORT.fullmatch(word.text):
            yield Change(word.end, word.end, " not")
        elif word.low in self._auxiliaries and before not in self._words("determiners"):
            yield from self._put_to_auxiliary(clause, at)
        elif self._is_verb(clause, at):
            yield from self._put_to_verb(word, *self._verbs[word.low])
        elif _sentence_begins(text, clause[0]) and self._advises(clause, at):
            yield Change(word.start, word.end, cased("don't " + word.text.lower(), word.text))

    def _put_to_auxiliary(self, clause: Clause, at: int) -> Iterator[Change]:
        word, short = clause[at], self._auxiliaries[clause[at].low]
        before, behind = _low(clause, at - 1), _low(clause, at + 1)
        following = self._past_adverbs(clause, at + 1)
        if word.low in ("has", "have", "had") and following not in self._participles and following[-2:] != "ed":
            if before in self._words("subjects") and _low(clause, at - 2) not in self._auxiliaries:
                yield from self._put_to_verb(word, *self._verbs[word.low])
            return
        if word.low in ("do", "does", "did") and following not in self._words("verbs"):
            return
        if before in self._auxiliaries or before == "let":
            return
        if (not before or before == "why") and (behind in self._words("pronouns") or not before):
            if short and behind in self._words("pronouns"):  # Is it …: only the short form can stand before the subject
                yield Change(word.start, word.end, cased(short, word.text))
            return
        asking = any(each.low in self._words("asking") for each in clause[:at]) and behind in self._words("pronouns")
        if asking or behind in self._words("subjects") - {"this", "that", "these", "those"}:
            return
        yield Change(word.end, word.end, "not" if word.low == "can" else " not")
        if short:
            yield Change(word.start, word.end, cased(short, word.text))

    def _put_to_verb(self, word: Word, auxiliary: str, base: str) -> Iterator[Change]:
        for negated in (f"{auxiliary} not", self._auxiliaries[auxiliary]):
            yield Change(word.start, word.end, f"{negated} {base}")

    def _is_verb(self, clause: Clause, at: int) -> bool:
        """Whether a word is the verb of its clause: behind a pronoun, or behind "the …" where the clause begins."""
        auxiliary, _ = self._verbs.get(clause[at].low, ("", ""))
        if not auxiliary or clause[at].text != clause[at].low:
            return False
        subject = at - 1
        while subject > 0 and clause[subject].low in self._words("between"):
            subject -= 1
        if subject < 0:
            return False
        who = clause[subject].low
        if who in self._words("subjects"):
            if _low(clause, subject - 1) in {*self._auxiliaries, "for", "of", "with", "by", "to", "about", "than"}:
                return False
            agreeing = {"does": "single", "do": "plural"}.get(auxiliary)
            return who in (self._words(agreeing) if agreeing else self._words("subjects"))
        return self._named(clause, at, subject, auxiliary)

    def _named(self, clause: Clause, at: int, subject: int, auxiliary: str) -> bool:
        """ "The room smells": one or two words behind the article that begins the clause, and no other verb in it."""
        who = clause[subject].low
        others = [word.low for word in clause[:subject] + clause[at + 1 :]]
        if not 1 <= subject <= 2 or clause[0].low not in self._words("determiners") - {"this", "that"}:
            return False
        if not who.isalpha() or who in self._verbs or who.endswith("ly") or clause[1].low in ("more", "most", "of"):
            return False
        if any(word in self._auxiliaries for word in others):
            return False
        many = who.endswith("s") and not who.endswith("ss")
        return auxiliary == "did" or many == (auxiliary == "do")

    def _advises(self, clause: Clause, at: int) -> bool:
        begins = at == 0 or (at == 1 and clause[0].low == "please")
        return begins and clause[at].low in self._words("advice") and _low(clause, at + 1) in self._words("objects")

    def _past_adverbs(self, clause: Clause, at: int) -> str:
        while _low(clause, at) in self._words("between"):
            at += 1
        return _low(clause, at)

    def _taken_from(self, clause: Clause, at: int) -> Iterator[Change]:
        word, before, behind = clause[at], _low(clause, at - 1), _low(clause, at + 1)
        if not behind:
            return
        base = {"cannot": "can"}.get(word.low) or self._contracted.get(word.low)
        if word.low == "not" and at and (before in self._auxiliaries or _SHORT.fullmatch(before)):
            if behind not in ("only", "necessarily", "just", "even"):
                full = before if before in self._auxiliaries else ""
                yield from self._without(clause, at - 1, at, full)
        elif base and behind not in ("only", "necessarily", "just", "even", "not"):
            yield from self._without(clause, at, at, base)
        elif word.low == "never" and before not in ("almost", "nearly") and self._may_follow_never(behind):
            yield _lost(word, clause[at + 1])
        elif word.low == "no" and behind == "longer" and at + 2 < len(clause) and before:
            yield Change(word.start, clause[at + 1].end, "still")

    def _may_follow_never(self, word: str) -> bool:
        return word not in self._words("determiners") | {"again", "mind", "say", "ever", "more"}

    def _without(self, clause: Clause, first: int, last: int, auxiliary: str) -> Iterator[Change]:
        """An auxiliary without its negation; a do that is then needed no longer goes too, and the verb is inflected."""
        start, following = clause[first], last + 1
        if auxiliary not in ("do", "does", "did") or _low(clause, following) in self._words("pronouns"):
            new = cased(auxiliary, start.text) if auxiliary else start.text
            yield Change(start.start, clause[last].end, new)
            return
        verb_at = following
        while verb_at < len(clause) and clause[verb_at].low in self._words("between"):
            verb_at += 1
        if verb_at == len(clause) or not clause[verb_at].low.isalpha():
            return
        own = clause[verb_at].low
        forms = verb(own)
        new = {"do": own, "does": forms.third, "did": forms.past}[auxiliary]
        adverbs = "".join(f"{word.text} " for word in clause[following:verb_at])
        yield Change(start.start, clause[verb_at].end, cased(adverbs + new, start.text))


def _low(clause: Clause, at: int) -> str:
    return clause[at].low if 0 <= at < len(clause) else ""


def _lost(word: Word, behind: Word) -> Change:
    """A word deleted with the blank behind it; where it began a sentence, the next one does."""
    if word.text[:1].isupper():
        return Change(word.start, behind.end, behind.text[:1].upper() + behind.text[1:])
    return Change(word.start, behind.start, "")


def _sentence_begins(text: str, word: Word) -> bool:
    return text[: word.start].rstrip()[-1:] in ("", ".", "!", "?", "\n", "。", "！", "？")

"""Models behind HTTP: how they are addressed and spoken to, what is asked again and what is not, and bad answers."""

from __future__ import annotations

import json
import threading
import time

import pytest

from duiqi.core.asking import answers_of, samples_of
from duiqi.core.dataset import Dataset
from duiqi.core.errors import AnswerError, ModelError, OptionError
from duiqi.core.part import Catalogue
from duiqi.model import line
from duiqi.model.address import Address, is_service
from duiqi.model.line import KEY
from duiqi.model.service import OPENING, open_service
from served import lengths, served

CATALOGUE = Catalogue.installed()
TEXTS = [
    "a",
    "b b",
    "a text of more than twenty characters",
    "a",
    "短",
    "一段很长很长很长很长很长很长很长很长很长很长的文字",
]


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(line, "FIRST_WAIT", 0.01)


def rows(texts=TEXTS, **more) -> Dataset:
    return Dataset.of({"text": texts, **more})


def opened(url: str, task: str = "classify", **said):
    return open_service(url, CATALOGUE.task(task), CATALOGUE, **said)


def one_for_each(body):
    return [lengths(text) for text in body["inputs"]]


# Addresses


def test_an_address_with_settings():
    found = Address.of("https://u:p@host:8/v1/?api-key=secret#model=qwen%2F8b&workers=2&timeout=0.5")
    assert found.url == "https://u:p@host:8/v1/chat/completions?api-key=secret"
    assert (found.model, found.workers, found.timeout, found.batch) == ("qwen/8b", 2, 0.5, 32)
    assert found.chats
    assert found.shown == "https://host:8/v1/chat/completions#model=qwen/8b"
    assert not Address.of("http://host/predict").chats
    assert is_service("http://host")
    assert not is_service("hub:name")
    assert not is_service("default")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("http://host/#modl=x", "given 'modl'"),
        ("http://host/#workers=0", "'workers' of a service, given '0'"),
        ("http://host/#timeout=soon", "'timeout' of a service, given 'soon'"),
        ("http:///predict", "expected the address of a service"),
        ("http://[host/predict", "expected the address of a service"),
        ("http://host/predict#model=x", "can heed, given 'model'"),
        ("http://host/v1#batch=3", "can heed, given 'batch'"),
        ("http://host/#timeout=inf", "given 'inf'"),
    ],
)
def test_bad_addresses(name, said):
    with pytest.raises(OptionError, match=said):
        Address.of(name)


# Classes


def test_classes_are_asked_in_batches_and_no_text_twice():
    with served(one_for_each) as there:
        predictor = opened(there.url + "#batch=2&workers=3")
        assert predictor.task.labels == ("long", "short")
        assert [text for text in there.texts if text in OPENING] == list(OPENING)
        probs = answers_of(predictor, rows(), ["probs"]).probs
        assert probs[:, 0] == pytest.approx([1 / (1 + 2.0 ** (20 - len(text))) for text in TEXTS])
        assert sorted(there.texts) == sorted([*OPENING, *set(TEXTS)])
        assert max(len(body["inputs"]) for _, body, _ in there.requests) == 2
        assert (answers_of(predictor, rows(), ["probs"]).probs == probs).all()
        assert len(there.texts) == len(OPENING) + len(set(TEXTS))
        answers_of(predictor.uncached(), rows(["a"]), ["probs"])
        assert len(there.texts) == len(OPENING) + len(set(TEXTS)) + 1


def test_a_server_that_wants_every_text_in_a_list_is_noticed():
    def strict(body):
        if not all(isinstance(each, list) for each in body["inputs"]):
            return 422, {"error": "invalid type: string"}
        return [lengths(each[0]) for each in body["inputs"]]

    with served(strict) as there:
        assert answers_of(opened(there.url), rows(), ["probs"]).probs.shape == (6, 2)
        answers_of(opened(there.url, "classify_pair"), rows(["a"], text_pair=["b"]), ["probs"])
        assert there.requests[-1][1]["inputs"] == [["a", "b"]]


def test_pairs_are_sent_as_pairs():
    with served(lambda body: [lengths(each["text"] + each["text_pair"]) for each in body["inputs"]]) as there:
        predictor = opened(there.url, "classify_pair")
        answers_of(predictor, rows(["a"], text_pair=["b"]), ["probs"])
        assert there.requests[-1][1]["inputs"] == [{"text": "a", "text_pair": "b"}]


def test_several_labels_a_row():
    with served(
        lambda body: [[{"label": n, "score": s} for n, s in (("x", 0.9), ("y", 0.7))] for _ in body["inputs"]]
    ) as there:
        answers = answers_of(opened(there.url, "multilabel"), rows(["a"]), ["labels", "probs"])
        assert answers["labels"].tolist() == [[1, 1]]
        with pytest.raises(AnswerError, match=r"sum to 1, given 1\.6 for row"):
            answers_of(opened(there.url), rows(["a"]), ["probs"])


def test_a_request_too_large_is_halved():
    with served(lambda body: one_for_each(body) if len(body["inputs"]) < 3 else (413, {"error": "too many"})) as there:
        predictor = opened(there.url)
        assert answers_of(predictor, rows([f"text {i}" for i in range(11)]), ["probs"]).probs.shape == (11, 2)


def test_a_service_that_is_busy_or_broken_is_asked_again():
    replies = iter([(503, {"error": "loading"}), (429, {}), (500, b"oops")])

    def broken(body):
        return one_for_each(body) if "Good morning." in body["inputs"] else next(replies, None) or one_for_each(body)

    with served(broken) as there:
        predictor = opened(there.url)
        assert answers_of(predictor, rows(["a"]), ["probs"]).probs.shape == (1, 2)
        assert len(there.requests) == 1 + 4


def test_one_that_stays_broken_is_told_with_what_it_said():
    with served(
        lambda body: one_for_each(body) if "Good morning." in body["inputs"] else (503, {"error": "no room"})
    ) as there:
        predictor = opened(there.url + "#tries=3")
        with pytest.raises(AnswerError, match=r"HTTP 503: .*no room.* after 3 tries") as raised:
            answers_of(predictor, rows(["a"]), ["probs"])
        assert "#keep=" in raised.value.hint
        assert len(there.requests) == 1 + 3


def test_a_slow_one_is_not_waited_for_for_ever():
    def slow(body):
        time.sleep(0 if "Good morning." in body["inputs"] else 0.5)
        return one_for_each(body)

    with served(slow) as there:
        predictor = opened(there.url + "#timeout=0.1&tries=2")
        begun = time.monotonic()
        with pytest.raises(AnswerError, match="ReadTimeout"):
            answers_of(predictor, rows(["a"]), ["probs"])
        assert time.monotonic() - begun < 3


def test_nobody_there():
    with served(one_for_each) as there:
        url = there.url
    with pytest.raises(AnswerError, match="ConnectError"):
        opened(url)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ((401, {"error": "no key"}), KEY),
        ((404, b"<html>not here</html>"), "HTTP 404: <html>not here</html>"),
        ((200, b"<html>hello</html>"), "as JSON, given HTTP 200"),
        ({"answer": 1}, "a list of 2 answers was expected, 0 came"),
        ([[{"name": "x"}]] * 2, "a list of {'label', 'score'} was expected"),
        ([[{"label": "x", "score": 1.0}]] * 2, "a number for every label"),
    ],
)
def test_services_that_cannot_be_used(reply, said):
    with served(lambda body: reply) as there, pytest.raises(ModelError) as raised:
        opened(there.url)
    assert said in f"{raised.value} {raised.value.hint}"


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ([{"label": "short", "score": 1.0}], "given those of short for row"),
        ([{"label": "short", "score": float("nan")}, {"label": "long", "score": 1.0}], "given nan for row"),
    ],
)
def test_an_answer_that_is_not_like_the_others(odd, said):
    def answer(body):
        return [odd if text == "b" else lengths(text) for text in body["inputs"]]

    with served(answer) as there, pytest.raises(AnswerError, match=said):
        answers_of(opened(there.url), rows(["a", "b"]), ["probs"])


def test_the_key_is_sent_and_told_to_nobody(monkeypatch):
    monkeypatch.setenv(KEY, "s3cret")
    with served(one_for_each) as there:
        predictor = opened(there.url.replace("http://", "http://me:pw@") + "?token=t0ken")
        assert there.requests[0][2]["authorization"]
        assert not any(word in f"{predictor.name} {predictor.fingerprint}" for word in ("s3cret", "pw", "t0ken"))
    with served(lambda body: (403, {})) as there, pytest.raises(AnswerError) as raised:
        opened(there.url + "?token=t0ken")
    assert there.requests[0][2]["authorization"] == "Bearer s3cret"
    assert "t0ken" not in str(raised.value)


def test_answers_are_kept_where_asked_and_a_torn_line_is_asked_again(tmp_path):
    keep = tmp_path / "answers.jsonl"
    with served(one_for_each) as there:
        first = answers_of(opened(f"{there.url}#keep={keep}"), rows(), ["probs"]).probs
        lines = keep.read_text().splitlines()
        assert len(lines) == len(set(TEXTS))
        assert all(json.loads(line)["service"] == Address.of(there.url).fingerprint for line in lines)
        keep.write_text("\n".join(lines[:-1]) + "\n" + lines[-1][:20])
        asked = len(there.texts)
        again = answers_of(opened(f"{there.url}#keep={keep}"), rows(), ["probs"]).probs
        assert (again == first).all()
        assert len(there.texts) == asked + len(OPENING) + 1
    with served(one_for_each) as other:  # another address has said nothing yet
        answers_of(opened(f"{other.url}#keep={keep}"), rows(["a"]), ["probs"])
        assert "a" in other.texts


def test_what_was_answered_before_a_failure_is_kept(tmp_path):
    keep = tmp_path / "answers.jsonl"
    with served(lambda body: (400, {"error": "bad"}) if "bad" in body["inputs"] else one_for_each(body)) as there:
        predictor = opened(f"{there.url}#keep={keep}&batch=1&workers=1")
        with pytest.raises(AnswerError, match="HTTP 400"):
            answers_of(predictor, rows(["a", "b", "bad", "c"]), ["probs"])
    assert [json.loads(json.loads(line)["asked"])["inputs"][0] for line in keep.read_text().splitlines()] == ["a", "b"]


def test_kept_answers_of_any_text_are_found_again_and_a_torn_line_costs_one_answer(tmp_path):
    keep = tmp_path / "answers.jsonl"
    odd = ["a\u2028b", "c\u0085d", "一", "二", "😀 so"]
    with served(one_for_each) as there:
        name = f"{there.url}#keep={keep}&batch=1&workers=1"
        answers_of(opened(name), rows(odd), ["probs"])
        whole = keep.read_bytes()
        keep.write_bytes(whole[:-20])
        for _ in range(3):
            answers_of(opened(name), rows(odd), ["probs"])
        assert there.texts.count(odd[-1]) == 2
        assert [there.texts.count(text) for text in odd[:-1]] == [1] * 4
        keep.write_bytes('{"service": "一'.encode()[:-1])  # torn within a character
        answers_of(opened(name), rows(["x"]), ["probs"])


def test_kept_answers_of_two_versions_are_not_mixed(tmp_path):
    with served(one_for_each) as there:
        for version in (1, 2):
            answers_of(opened(f"{there.url}?v={version}#keep={tmp_path / 'a.jsonl'}"), rows(["x"]), ["probs"])
        assert there.texts.count("x") == 2


def test_after_a_failure_nothing_under_way_is_waited_for_and_what_came_is_kept(tmp_path):
    def answer(body):
        text = body["inputs"][0]
        time.sleep({"slow": 3.0, "bad": 0.3}.get(text, 0))
        return (400, {"error": "bad"}) if text == "bad" else one_for_each(body)

    keep = tmp_path / "answers.jsonl"
    with served(answer) as there:
        predictor = opened(f"{there.url}#keep={keep}&batch=1&workers=2")
        begun = time.monotonic()
        with pytest.raises(AnswerError, match="HTTP 400"):
            answers_of(predictor, rows(["slow", "a", "b", "bad", "c"]), ["probs"])
        assert time.monotonic() - begun < 2
    assert len(keep.read_text().splitlines()) == 2


def test_a_service_that_is_loading_is_waited_for():
    replies = iter([(503, {"error": "loading"})] * 5)
    with served(lambda body: next(replies, None) or one_for_each(body)) as there:
        assert opened(there.url + "#tries=20").task.labels == ("long", "short")
    with served(lambda body: (503, {"error": "loading"})) as there, pytest.raises(AnswerError, match="after 3 tries"):
        opened(there.url + "#tries=3")


@pytest.mark.parametrize("key", ["s3cret\r\n", " s3cret "])
def test_blanks_around_a_key_are_not_sent(key, monkeypatch):
    monkeypatch.setenv(KEY, key)
    with served(lambda body: (401, {"error": f"no s3cret {body}"})) as there, pytest.raises(AnswerError) as raised:
        opened(there.url)
    assert there.requests[0][2]["authorization"] == "Bearer s3cret"
    assert "s3cret" not in str(raised.value)  # not where the service says it, either


def test_a_key_that_cannot_be_sent_is_told_without_it(monkeypatch):
    monkeypatch.setenv(KEY, "schlüssel")
    with pytest.raises(OptionError, match=KEY) as raised:
        opened("http://127.0.0.1:9/predict")
    assert "schl" not in str(raised.value)


def test_a_file_of_something_else_is_not_written_into(tmp_path):
    rows_of_mine = tmp_path / "rows.csv"
    rows_of_mine.write_text("text,label\n" + "some text,good\n" * 30)
    with served(one_for_each) as there, pytest.raises(OptionError, match="which holds something else"):
        opened(f"{there.url}#keep={rows_of_mine}")
    assert rows_of_mine.read_text().endswith("some text,good\n")


def test_answers_of_an_earlier_run_are_told(tmp_path):
    with served(one_for_each) as there:
        name = f"{there.url}#keep={tmp_path / 'a.jsonl'}"
        first = opened(name)
        answers_of(first, rows(["a", "b"]), ["probs"])
        assert first.notes == ()
        (note,) = opened(name).notes
        assert (note["code"], note["answers"]) == ("kept_answers", 2)


def test_labels_that_a_service_calls_otherwise():
    names = {"short": "LABEL_0", "long": "LABEL_1"}

    def answer(body):
        return [[{**each, "label": names[each["label"]]} for each in lengths(text)] for text in body["inputs"]]

    task = CATALOGUE.task("classify", labels=("long", "short"))
    with served(answer) as there:
        with pytest.raises(ModelError, match=r"knows LABEL_0, LABEL_1") as raised:
            open_service(there.url, task, CATALOGUE)
        assert "#labels=LABEL_0:" in raised.value.hint
        predictor = open_service(there.url + "#labels=LABEL_0:short,LABEL_1:long", task, CATALOGUE)
        assert predictor.task.labels == ("long", "short")
        assert answers_of(predictor, rows(["a"]), ["probs"]).probs[0, 1] > 0.9
        with pytest.raises(OptionError, match="what the rows call them"):
            opened(there.url + "#labels=LABEL_0")


def test_a_redirect_is_told():
    with served(lambda body: (308, {})) as there, pytest.raises(AnswerError, match="HTTP 308"):
        opened(there.url)


def test_a_file_that_cannot_be_kept(tmp_path):
    with served(one_for_each) as there, pytest.raises(OptionError, match="a file to keep answers in"):
        answers_of(opened(f"{there.url}#keep={tmp_path}"), rows(["a"]), ["probs"])


def test_requests_are_under_way_together():
    here, most, lock = 0, 0, threading.Lock()

    def counting(body):
        nonlocal here, most
        with lock:
            here += 1
            most = max(most, here)
        time.sleep(0.05)
        with lock:
            here -= 1
        return one_for_each(body)

    with served(counting) as there:
        answers_of(opened(there.url + "#batch=1&workers=4"), rows([f"t{i}" for i in range(12)]), ["probs"])
    assert 2 <= most <= 4


def test_progress_is_told():
    told = []
    with served(one_for_each) as there:
        predictor = opened(there.url + "#batch=2", progress=lambda *said: told.append(said[:3]))
        answers_of(predictor, rows(), ["probs"])
    assert told[0] == ("service", 0, 5)
    assert told[-1] == ("service", 5, 5)


# Texts


def chat(body):
    said = body["messages"][-1]["content"]
    return {"choices": [{"message": {"role": "assistant", "content": f"{said}!{body.get('seed', '')}"}}]}


def test_texts_are_written_with_what_was_said_before():
    with served(chat) as there:
        url = there.url.replace("/predict", "/v1") + "#model=m"
        predictor = opened(url, "generate")
        data = rows(["hello"], text_pair=["be brief\nuser: hi\nassistant: yes?"])
        assert answers_of(predictor, data, ["text"])["text"] == ["hello!"]
        ((path, body, _),) = there.requests
        assert path == "/v1/chat/completions"
        assert body["messages"] == [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "yes?"},
            {"role": "user", "content": "hello"},
        ]
        assert {name: body[name] for name in ("model", "temperature", "max_tokens")} == {
            "model": "m", "temperature": 0.0, "max_tokens": 64,
        }  # fmt: skip


def test_texts_that_were_cut_off_are_counted_and_none_is_no_text():
    replies = iter([("length", "so it"), ("length", None), ("stop", "fine")])

    def cut(body):
        reason, text = next(replies)
        return {"choices": [{"message": {"content": text}, "finish_reason": reason}]}

    with served(cut) as there:
        predictor = opened(there.url.replace("/predict", "/v1") + "#model=m&workers=1", "generate")
        assert answers_of(predictor, rows(["x", "y", "z"]), ["text"])["text"] == ["so it", "", "fine"]
        assert predictor.notes == (
            {"code": "unfinished", "texts": 2, "longest": 64}, {"code": "empty_answers", "texts": 1},
        )  # fmt: skip


def test_samples_are_drawn_with_seeds_of_their_own():
    with served(chat) as there:
        predictor = opened(there.url.replace("/predict", "/v1/chat/completions") + "#model=m", "generate")
        drawn = samples_of(predictor, rows(["x", "y"]), 3, temperature=0.8, top_p=0.9, draw=1)
        assert drawn == [["x!3", "x!4", "x!5"], ["y!3", "y!4", "y!5"]]
        assert {body["temperature"] for _, body, _ in there.requests} == {0.8}


def test_services_for_another_task():
    with pytest.raises(ModelError, match="which writes texts"):
        opened("http://127.0.0.1:1/v1#model=m")
    with pytest.raises(ModelError, match="given rows for generate"):
        opened("http://127.0.0.1:1/predict", "generate")
    with pytest.raises(OptionError, match="the name of a model"):
        opened("http://127.0.0.1:1/v1", "generate")
    with served(lambda body: {"choices": []}) as there, pytest.raises(AnswerError, match=r"message\.content"):
        answers_of(opened(there.url.replace("/predict", "/v1") + "#model=m", "generate"), rows(["x"]), ["text"])


def test_fingerprints_differ_with_what_answers():
    with served(one_for_each) as there:
        assert opened(there.url).fingerprint == opened(there.url + "#workers=1&batch=3").fingerprint
        assert opened(there.url).fingerprint != opened(there.url + "?v=2").fingerprint
        assert opened(there.url).name == opened(there.url + "?v=2").name

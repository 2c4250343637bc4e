from duiqi.core.candidates import candidates
from duiqi.core.dataset import Dataset


def test_chinese_words_are_found_in_rows_of_characters_and_in_second_texts():
    tokens = [[*f"{'甲乙丙丁'[at % 4]}{'北京' if at % 2 else '上海'}{'春夏秋冬天'[at % 5]}"] for at in range(60)]
    tagged = Dataset.of({"tokens": tokens, "label": [["O"] * 4] * 60})
    rules = {each.rule for each in candidates(tagged).slices}
    assert {"text has '北京'", "text has '上海'"} <= rules
    pairs = Dataset.of(
        {"text": ["a kettle"] * 60, "text_pair": ["it broke" if at % 2 else "it works" for at in range(60)]}
    )
    broke = next(each for each in candidates(pairs).slices if each.rule == "text_pair has 'broke'")
    assert broke.mask(pairs).tolist() == [bool(at % 2) for at in range(60)]

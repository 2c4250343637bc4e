"""The attack `chinese_characters`: characters that sound or look alike, or are pulled apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from duiqi.core.attack import Attack, Place
from duiqi.core.part import attack
from duiqi.data.attackable import drawn_from


@attack(
    search=Attack(ranking="unknown", most_changed=0.4),
    preserves=("label", "meaning", "tokens", "spans"),
    source="Su et al., 2022, RoCBert: robust Chinese BERT with multimodal contrastive pretraining, ACL, "
    "https://aclanthology.org/2022.acl-long.65",
)
def chinese_characters(
    texts: Sequence[str],
    rngs: Sequence[np.random.Generator],
    *,
    edits: tuple[str, ...] = ("homophones", "look_alikes", "split_characters"),
    draws: int = 3,
) -> list[list[Place]]:
    """Replace the Chinese characters that matter most by ones that sound or look alike, or pull them apart.

    Those that sound alike are 同音字, those that look alike 形近字, pulled apart is 拆字. What may stand in a place is
    what the `edits` put there in `draws` draws each; any edit with a `rate` can be named.
    At most four tenths of the words change. Places are tried by what is lost with an unknown word in them.

    Differs from the paper, which perturbs words drawn at random: here they are searched for. Readers mend such texts
    without noticing up to a point; four tenths of the words is far beyond it, and few texts need as much.
    """
    return drawn_from(edits, texts, rngs, draws=draws)

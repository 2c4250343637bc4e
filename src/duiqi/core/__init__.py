"""The nouns: frozen values that everything else speaks in. numpy and lazily pyarrow, never torch."""

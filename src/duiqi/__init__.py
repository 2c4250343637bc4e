"""duiqi (对齐): finds where a language model is misaligned, repairs it, and proves the repair."""

__version__ = "0.1.0"

"""Attacks: searches for changes of a text that turn the answer, one file each, named as their papers name them."""

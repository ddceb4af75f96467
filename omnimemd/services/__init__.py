"""Use cases, one class per noun: the rules of `domain` with the store and the world around them."""

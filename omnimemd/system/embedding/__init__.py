"""Vectors of texts, for search by meaning. What the extra `semantic` brings is loaded when it is first needed."""

"""Packed vector index: int8 codes in SQLite blobs, scanned whole and made exact by the vectors themselves.

It works on any cursor of SQLite whose schema has the tables of `sql/vectors.py`, and knows nothing of stores: a vector
has the number of its record, by which it is filtered, and the id of the row that holds its floats. Whatever it says is
checked against those floats, so it may be dropped and made anew at any time.

Only `space` does without numpy: the other modules are imported where the first vector is met, after `load_numpy` of
`floats`.
"""

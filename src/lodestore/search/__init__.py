"""Search semantics, without I/O: query parser, tokenizers, snippets, filters, rank fusion."""

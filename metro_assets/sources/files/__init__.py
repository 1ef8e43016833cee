"""A company's own files behind the source interface.

What belongs here: what a folder may hold (`contract`, from the schema and `folder.toml`), how foreign files are read
(`mapping`, `reading`), what is wrong with them (`checks`), the one typed copy that all days are read from (`snapshot`).
What does not: anything that the pipeline does with the rows.
"""

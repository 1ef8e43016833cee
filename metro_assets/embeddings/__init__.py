"""Embeddings: products as vectors learnt from who bought what together, and customers as means of what they bought.

What belongs here: the baskets to learn from, Product2Vec, vectors for products without sales, customers' vectors,
nearest products. What does not: retrieval of offers, which is a strategy of `candidates`. gensim, safetensors and
FAISS come with the extra `phase2` and are imported where they are used; without them the tables of this stage are
empty and nothing else changes.
"""

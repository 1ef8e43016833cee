"""Studies: the stages' own functions run over data from outside, to measure how well they rank.

What belongs here: protocols, baselines and reports over a data set that the pipeline does not make. What does not: a
feature, a ranker or a metric, which live in their stages, so that what is measured is what runs every morning. A study
may import every stage, as the commands do; no stage imports a study.
"""

-- the impressions whose scores are read, of those that a ranker may learn from
select training_examples.impression_id, training_examples.customer_id, training_examples.offer_id, training_examples.shown_date
from training_examples
semi join sampled_examples using (impression_id)

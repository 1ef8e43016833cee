-- candidates, and offers of the random slates that are none: every pair that is scored in a morning
select customer_id, offer_id, run_date from candidates
union
select customer_id, offer_id, run_date from explored cross join parameters

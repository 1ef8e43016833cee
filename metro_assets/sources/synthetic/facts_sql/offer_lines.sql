-- Share of lines bought under an offer in the last 28 days: one row.
select avg((offer_id is not null)::int) as offer_line_share from order_items where run_date > $last_date - 28;

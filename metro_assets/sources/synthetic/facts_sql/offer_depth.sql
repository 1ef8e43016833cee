-- Depth of the live offers that take a share off the price: one row.
select quantile_cont(discount_share, [0.25, 0.5, 0.75]) as depth
from (select distinct offer_id, discount_share from offers where discount_share is not null);

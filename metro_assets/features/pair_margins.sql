-- pairs with the margins of their offer, product and units
select
    quantities.customer_id,
    quantities.offer_id,
    quantities.usual_quantity::float as usual_quantity,
    margins.usual_margin_ron::float as usual_margin_ron,
    margins.offer_margin_ron::float as offer_margin_ron
from quantities
inner join margins using (offer_id, product_id, usual_quantity)
